# problem: fibonacci
# category: limits
# why: recursion without an end
# status: RUNTIME_ERROR

def fibonacci(n):
    return fibonacci(n - 1) + fibonacci(n - 2)
