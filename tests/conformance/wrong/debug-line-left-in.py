# problem: sum
# category: output
# why: a debug line on standard output

import sys
v = sys.stdin.read().split()[1:]
print("DEBUG", len(v))
print(sum(map(int, v)))
