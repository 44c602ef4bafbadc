# problem: mean
# category: floats
# why: repr(), which writes small numbers as 1e-07

import statistics
v = list(map(float, input().split()))
print(repr(statistics.fmean(v)), repr(statistics.pstdev(v)))
