# problem: sum
# category: numbers
# why: wraps around at 32 bits as C's int does

import sys
s = 0
for x in sys.stdin.read().split()[1:]:
    s = (s + int(x) + 2**31) % 2**32 - 2**31
print(s)
