# problem: totals
# category: lines
# why: sorted by name where the order of appearance is wanted

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in sorted(t):
    print(a, t[a])
