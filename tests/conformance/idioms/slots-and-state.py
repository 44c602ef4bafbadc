# problem: pairs
# category: names
# why: __slots__ and state in the instance, fresh for each call

class Solution:
    __slots__ = ("found", "calls")
    def __init__(self):
        self.found, self.calls = [], 0
    def pairs(self, numbers, target):
        self.calls += 1
        assert self.calls == 1, "an instance of its own for each test"
        for j, b in enumerate(numbers):
            for i, a in enumerate(numbers[:j]):
                if a + b == target:
                    self.found.append([i, j])
        return sorted(self.found)
