# problem: fibonacci
# category: limits
# why: exponential time
# status: TIME_LIMIT_EXCEEDED

def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
