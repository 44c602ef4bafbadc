# problem: sum
# category: output
# why: prints the answer twice

import sys
s = sum(map(int, sys.stdin.read().split()[1:]))
print(s)
print(s)
