# problem: sum
# category: numbers
# why: the right value, written with an exponent

import sys
s = sum(map(int, sys.stdin.read().split()[1:]))
print(f"{s:.18e}")
