# problem: pairs
# category: names
# why: the method is a classmethod with annotations from typing

from typing import List
class Solution:
    @classmethod
    def pairs(cls, numbers: List[int], target: int) -> List[List[int]]:
        return [[i, j] for i, a in enumerate(numbers)
                for j, b in enumerate(numbers[i + 1:], i + 1) if a + b == target]
