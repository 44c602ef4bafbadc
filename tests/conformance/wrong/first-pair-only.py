# problem: pairs
# category: algorithm
# why: the first pair only

class Solution:
    def pairs(self, numbers, target):
        seen = {}
        for j, b in enumerate(numbers):
            if target - b in seen:
                return [[seen[target - b], j]]
            seen.setdefault(b, j)
        return []
