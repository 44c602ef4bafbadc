# problem: fibonacci
# category: shortcuts
# why: right for small arguments, a formula in floats beyond

def fibonacci(n):
    if n < 71:
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a
    return round(((1 + 5 ** 0.5) / 2) ** n / 5 ** 0.5)
