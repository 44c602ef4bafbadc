# problem: fibonacci
# category: crashes
# why: a name that nobody defined
# status: RUNTIME_ERROR

def fibonacci(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
