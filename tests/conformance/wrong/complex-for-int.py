# problem: fibonacci
# category: types
# why: a complex number with no imaginary part

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return complex(a, 0) if a < 2 ** 53 else a
