# problem: fibonacci
# category: source
# why: a missing colon
# status: COMPILE_ERROR

def fibonacci(n)
    return n
