# problem: fibonacci
# category: types
# why: the right digits as a str

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return str(a)
