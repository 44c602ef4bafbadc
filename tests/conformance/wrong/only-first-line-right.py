# problem: totals
# category: lines
# why: only the first of the lines is right

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t.setdefault(a, [0, 0])
        t[a][0] += int(b)
        t[a][1] = int(b)
for i, a in enumerate(t):
    print(a, t[a][1 if i else 0])
