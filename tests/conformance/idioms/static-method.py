# problem: pairs
# category: names
# why: the method is a staticmethod, called on an instance

class Solution:
    @staticmethod
    def pairs(numbers, target):
        n = range(len(numbers))
        return [[i, j] for i in n for j in n if i < j and numbers[i] + numbers[j] == target]
