# problem: fibonacci
# category: numbers
# why: off by one, but only beyond 10**17, where floats cannot tell

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a + (a > 10 ** 17)
