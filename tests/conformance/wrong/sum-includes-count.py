# problem: sum
# category: arithmetic
# why: adds the count, which is not one of the numbers

import sys
print(sum(map(int, sys.stdin.read().split())))
