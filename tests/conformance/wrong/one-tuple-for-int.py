# problem: fibonacci
# category: types
# why: a comma too many: a tuple of one

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a,
