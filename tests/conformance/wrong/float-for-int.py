# problem: fibonacci
# category: types
# why: 55.0 where 55 is expected

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return float(a) if a < 2 ** 53 else a
