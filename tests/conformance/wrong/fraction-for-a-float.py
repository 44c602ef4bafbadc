# problem: mean
# category: floats
# why: a quotient where a decimal number is wanted

from fractions import Fraction
v = list(map(Fraction, input().split()))
m = sum(v) / len(v)
d = sum((x - m) ** 2 for x in v) / len(v)
print(f"{m.numerator}/{m.denominator} {float(d) ** 0.5}")
