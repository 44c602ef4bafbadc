# problem: fibonacci
# category: crashes
# why: the entry point is no function
# status: RUNTIME_ERROR

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
fibonacci = fibonacci(10)
