# problem: pairs
# category: state
# why: a list in the class gathers the pairs of all instances

class Solution:
    found = []
    def pairs(self, numbers, target):
        for i, a in enumerate(numbers):
            for j in range(i + 1, len(numbers)):
                if a + numbers[j] == target:
                    self.found.append([i, j])
        return self.found
