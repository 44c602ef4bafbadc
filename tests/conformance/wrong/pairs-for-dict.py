# problem: factors
# category: types
# why: a list of pairs where a dict is expected

def factors(numbers):
    counts = {}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                counts[p] = counts.get(p, 0) + 1
                n //= p
            p += 1
    return sorted(counts.items())
