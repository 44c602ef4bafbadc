# problem: totals
# category: lines
# why: a colon that makes one token of two

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(f"{a}:{t[a]}")
