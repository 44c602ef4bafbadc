# problem: pairs
# category: algorithm
# why: a number is paired with itself

class Solution:
    def pairs(self, numbers, target):
        n = range(len(numbers))
        return [[i, j] for i in n for j in n if i <= j and numbers[i] + numbers[j] == target]
