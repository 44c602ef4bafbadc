# problem: fibonacci
# category: state
# why: right in the first call only: state stays between calls

a, b = 0, 1
def fibonacci(n):
    global a, b
    for _ in range(n):
        a, b = b, a + b
    return a
