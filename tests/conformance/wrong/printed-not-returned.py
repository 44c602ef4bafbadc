# problem: fibonacci
# category: types
# why: prints the answer and returns None

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    print(a)
