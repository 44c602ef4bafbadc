# problem: fibonacci
# category: types
# why: a Decimal where an int is expected

from decimal import Decimal
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return Decimal(a)
