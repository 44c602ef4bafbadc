# problem: factors
# category: types
# why: the set of primes without counts

def factors(numbers):
    return {p for n in numbers for p in range(2, n + 1) if n % p == 0 and all(p % q for q in range(2, p))}
