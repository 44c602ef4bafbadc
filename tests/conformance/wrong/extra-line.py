# problem: totals
# category: lines
# why: a line with the total of totals at the end

import sys
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(a, t[a])
print(sum(t.values()))
