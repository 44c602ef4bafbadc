# problem: statistics
# category: types
# why: floats that differ in the last digits

import math
def statistics(values):
    n = len(values)
    m = math.fsum(values) / n
    return m, math.fsum(v * v for v in values) / n - m * m + 1e-12
