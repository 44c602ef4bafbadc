# problem: sum
# category: numbers
# why: float arithmetic: the last digits of large sums are lost

import sys
print(int(sum(map(float, sys.stdin.read().split()[1:]))))
