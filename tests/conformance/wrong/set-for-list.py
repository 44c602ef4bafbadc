# problem: pairs
# category: types
# why: a set of pairs where a list is expected

class Solution:
    def pairs(self, numbers, target):
        n = range(len(numbers))
        return {(i, j) for i in n for j in n if i < j and numbers[i] + numbers[j] == target}
