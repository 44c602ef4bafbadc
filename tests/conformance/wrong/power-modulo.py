# problem: powers
# category: numbers
# why: modulo a prime nobody asked for

import sys
for line in sys.stdin:
    a, b = map(int, line.split())
    print(pow(a, b, 10 ** 9 + 7))
