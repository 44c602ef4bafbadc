# problem: pairs
# category: algorithm
# why: the numbers instead of their indices

class Solution:
    def pairs(self, numbers, target):
        n = range(len(numbers))
        return [[numbers[i], numbers[j]] for i in n for j in n
                if i < j and numbers[i] + numbers[j] == target]
