# problem: mean
# category: floats
# why: Fractions, turned into floats at the end

from fractions import Fraction
v = [Fraction(x) for x in input().split()]
m = sum(v) / len(v)
d = sum((x - m) ** 2 for x in v) / len(v)
print(float(m), float(d) ** 0.5)
