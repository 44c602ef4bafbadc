# problem: totals
# category: writing
# why: blanks at the ends of lines and empty lines at the end

import sys
t = {}
for line in sys.stdin:
    if line.split():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a in t:
    print(a, t[a], "")
print()
print()
