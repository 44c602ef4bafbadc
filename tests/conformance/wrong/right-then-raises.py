# problem: fibonacci
# category: crashes
# why: raises for one of the arguments only
# status: RUNTIME_ERROR

def fibonacci(n):
    if n == 0:
        raise ValueError("n must be positive")
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
