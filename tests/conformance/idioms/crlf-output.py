# problem: totals
# category: writing
# why: prints lines that end with CR LF

import sys
t = {}
for line in sys.stdin:
    if line.split():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
sys.stdout.write("".join(f"{a} {b}\r\n" for a, b in t.items()))
