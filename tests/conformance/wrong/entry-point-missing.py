# problem: fibonacci
# category: crashes
# why: defines another name than the one asked for
# status: RUNTIME_ERROR

def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
