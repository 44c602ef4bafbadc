# problem: orbit
# category: arithmetic
# why: the modulus is off by one

def orbit(x):
    return (x * 7919 + 104729) % 1000002
