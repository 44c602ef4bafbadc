# problem: sum
# category: output
# why: a full stop after the number

import sys
print(f"{sum(map(int, sys.stdin.read().split()[1:]))}.")
