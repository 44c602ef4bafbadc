# problem: mean
# category: floats
# why: Decimal with 50 digits

from decimal import Decimal, getcontext
getcontext().prec = 50
v = [Decimal(x) for x in input().split()]
m = sum(v) / len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)).sqrt()
print(m, d)
