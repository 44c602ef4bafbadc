# problem: chain
# category: system
# why: resource.setrlimit for the stack, as templates do

import resource, sys
try:
    resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)
except (ValueError, OSError):
    pass
sys.setrecursionlimit(2 ** 20)
n = int(input())
up = [0, 0, *map(int, input().split())]
depth = [0] * (n + 1)
for i in range(2, n + 1):
    depth[i] = depth[up[i]] + 1
print(max(depth), sum(depth), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss and "")
