# problem: orbit
# category: types
# why: a float in a chain of calls whose test wants an int

def orbit(x):
    return float((x * 7919 + 104729) % 1000003)
