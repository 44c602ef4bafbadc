# problem: sum
# category: numbers
# why: half too much, within a float's relative tolerance of large integers

import sys
print(sum(map(int, sys.stdin.read().split()[1:])) + 0.5)
