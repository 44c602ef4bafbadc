# problem: chain
# category: recursion
# why: functools.cache over a deep recursion

import sys
from functools import cache
sys.setrecursionlimit(10 ** 5)
n = int(input())
up = [0, 0] + list(map(int, input().split()))
@cache
def depth(i):
    return 0 if i == 1 else 1 + depth(up[i])
all_depths = [depth(i) for i in range(1, n + 1)]
print(max(all_depths), sum(all_depths))
