# problem: powers
# category: numbers
# why: math.pow, which is exact for small numbers only

import math, sys
for line in sys.stdin:
    a, b = map(int, line.split())
    try:
        print(int(math.pow(a, b)))
    except OverflowError:
        print(a ** b)
