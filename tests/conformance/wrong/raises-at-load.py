# problem: fibonacci
# category: crashes
# why: right code, then an exception at the top level
# status: RUNTIME_ERROR

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
assert fibonacci(10) == 54
