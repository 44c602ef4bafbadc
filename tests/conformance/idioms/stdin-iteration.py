# problem: totals
# category: reading
# why: for line in sys.stdin, up to a last line that lacks its line end

import sys

totals = {}
for line in sys.stdin:
    parts = line.split()
    if parts:
        totals[parts[0]] = totals.get(parts[0], 0) + int(parts[1])
for name in totals:
    print(name, totals[name])
