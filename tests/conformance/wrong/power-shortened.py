# problem: powers
# category: numbers
# why: an ellipsis in the middle of long numbers

import sys
for line in sys.stdin:
    a, b = map(int, line.split())
    s = str(a ** b)
    print(s if len(s) < 50 else s[:20] + "..." + s[-20:])
