# problem: powers
# category: numbers
# why: integers of thousands of digits

import sys
def power(a, b):
    result = 1
    while b:
        if b & 1:
            result *= a
        a, b = a * a, b >> 1
    return result
for line in sys.stdin:
    print(power(*map(int, line.split())))
