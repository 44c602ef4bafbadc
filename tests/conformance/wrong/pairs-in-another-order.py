# problem: pairs
# category: algorithm
# why: ordered by the second index

class Solution:
    def pairs(self, numbers, target):
        return [[i, j] for j, b in enumerate(numbers) for i, a in enumerate(numbers[:j])
                if a + b == target]
