# problem: powers
# category: numbers
# why: ten digits and an exponent

import sys
from decimal import Decimal, getcontext
getcontext().prec = 10
for line in sys.stdin:
    a, b = line.split()
    print(Decimal(a) ** int(b))
