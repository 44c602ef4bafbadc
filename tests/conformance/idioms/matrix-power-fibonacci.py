# problem: fibonacci
# category: numbers
# why: integers far beyond 64 bits as results of calls

def fibonacci(n):
    def times(x, y):
        (a, b), (c, d) = x
        (e, f), (g, h) = y
        return ((a * e + b * g, a * f + b * h), (c * e + d * g, c * f + d * h))
    result, step = ((1, 0), (0, 1)), ((1, 1), (1, 0))
    while n:
        if n % 2:
            result = times(result, step)
        step = times(step, step)
        n //= 2
    return result[0][1]
