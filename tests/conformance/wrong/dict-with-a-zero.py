# problem: factors
# category: types
# why: one key too many, with the value 0

def factors(numbers):
    counts = {2: 0}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                counts[p] = counts.get(p, 0) + 1
                n //= p
            p += 1
    return counts
