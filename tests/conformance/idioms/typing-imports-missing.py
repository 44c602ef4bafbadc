# problem: pairs
# category: names
# why: annotations that name what is not imported, made harmless by __future__

from __future__ import annotations
class Solution:
    def pairs(self, numbers: List[int], target: Optional[int]) -> "List[Tuple[int, int]]":
        table = {}
        for j, b in enumerate(numbers):
            table.setdefault(b, []).append(j)
        return [[i, j] for i, a in enumerate(numbers) for j in table.get(target - a, []) if j > i]
