# problem: factors
# category: types
# why: IntEnum members where ints are expected

from enum import IntEnum
class Prime(IntEnum):
    TWO = 2
    THREE = 3
def factors(numbers):
    counts = {}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                key = Prime(p) if p < 4 else p
                counts[key], n = counts.get(key, 0) + 1, n // p
            p += 1
    return counts
