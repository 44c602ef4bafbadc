# problem: fibonacci
# category: source
# why: an answer in prose, with right code in it
# status: COMPILE_ERROR

Here is the solution you asked for:

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
