# problem: totals
# category: lines
# why: the number before the name

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(t[a], a)
