# problem: pairs
# category: names
# why: list, sum, input and type as names of variables

list, sum, type, input, len_ = [], 0, "pairs", None, len
class Solution:
    def pairs(self, numbers, target):
        max = len_(numbers)
        str = []
        for id in range(max):
            for dir in range(id + 1, max):
                if numbers[id] + numbers[dir] == target:
                    str.append([id, dir])
        return str
