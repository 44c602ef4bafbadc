# problem: sum
# category: reading
# why: sys.stdin.read() in one go

import sys
n, *values = map(int, sys.stdin.read().split())
print(sum(values[:n]))
