# problem: factors
# category: types
# why: a Counter, which is a dict

from collections import Counter
def factors(numbers):
    counts = Counter()
    for n in numbers:
        p = 2
        while p * p <= n:
            while not n % p:
                n //= p
                counts[p] += 1
            p += 1
        if n > 1:
            counts[n] += 1
    return counts
