# problem: totals
# category: text
# why: the program's own lines end with CR LF

import sys
seen = {}
for line in sys.stdin:
    if line.strip():
        key, value = line.split()
        seen[key] = seen.get(key, 0) + int(value)
for key in seen:
    print(key, seen[key])
