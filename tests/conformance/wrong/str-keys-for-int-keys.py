# problem: factors
# category: types
# why: str keys, as JSON would make them

def factors(numbers):
    counts = {}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                counts[str(p)] = counts.get(str(p), 0) + 1
                n //= p
            p += 1
    return counts
