# problem: totals
# category: system
# why: a file written and read in the working folder

import sys
from pathlib import Path
Path("input.txt").write_text(sys.stdin.read())
t = {}
with open("input.txt") as lines:
    for line in lines:
        if line.strip():
            a, b = line.split()
            t[a] = t.get(a, 0) + int(b)
for pair in t.items():
    print(*pair)
