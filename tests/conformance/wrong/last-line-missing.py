# problem: totals
# category: lines
# why: the last name is not printed

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in list(t)[:-1]:
    print(a, t[a])
