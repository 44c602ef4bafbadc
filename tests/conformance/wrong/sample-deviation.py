# problem: mean
# category: floats
# why: divides by n - 1

import statistics
v = list(map(float, input().split()))
print(statistics.mean(v), statistics.stdev(v))
