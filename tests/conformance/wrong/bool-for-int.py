# problem: fibonacci
# category: types
# why: True where 1 is expected, False where 0 is

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return bool(a) if a < 2 else a
