# problem: totals
# category: lines
# why: prints a total after each line

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
        print(a, t[a])
