# problem: pairs
# category: names
# why: the method stands in a base class, found through super

import abc, itertools
class Base(abc.ABC):
    def pairs(self, numbers, target):
        found = itertools.combinations(range(len(numbers)), 2)
        return [list(p) for p in found if sum(numbers[i] for i in p) == target]
class Solution(Base):
    def pairs(self, numbers, target):
        return super().pairs(numbers, target)
