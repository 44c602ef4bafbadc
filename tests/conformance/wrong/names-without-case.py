# problem: totals
# category: lines
# why: Zoe and zoe counted as one

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.lower().split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(a, t[a])
