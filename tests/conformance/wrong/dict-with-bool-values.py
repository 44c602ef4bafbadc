# problem: factors
# category: types
# why: True where the count 1 is expected

def factors(numbers):
    counts = {}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                counts[p] = counts.get(p, 0) + 1
                n //= p
            p += 1
    return {p: c if c > 1 else True for p, c in counts.items()}
