# problem: sum
# category: numbers
# why: the right value in hexadecimal

import sys
print(hex(sum(map(int, sys.stdin.read().split()[1:]))))
