# problem: totals
# category: writing
# why: the pprint module for output

import sys
from pprint import pprint
class Line(str):
    __repr__ = str.__str__
t = {}
for line in sys.stdin:
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
for a, b in t.items():
    pprint(Line(f"{a} {b}"))
