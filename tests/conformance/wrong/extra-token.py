# problem: totals
# category: lines
# why: a unit after each number

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(a, t[a], "EUR")
