# problem: statistics
# category: types
# why: a NamedTuple, which is a tuple

from typing import NamedTuple
class Moments(NamedTuple):
    mean: float
    variance: float
def statistics(values):
    m = sum(values) / len(values)
    return Moments(m, sum((v - m) ** 2 for v in values) / len(values))
