# problem: sum
# category: arithmetic
# why: a set swallows repeated numbers

import sys
n, *v = map(int, sys.stdin.read().split())
print(sum(set(v)))
