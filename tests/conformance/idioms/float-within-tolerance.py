# problem: mean
# category: floats
# why: another order of additions, another last digit

import math
v = sorted(map(float, input().split()), key=abs, reverse=True)
m = math.fsum(v) / len(v)
print(m * (1 + 1e-8), math.sqrt(math.fsum(x * x for x in v) / len(v) - m * m))
