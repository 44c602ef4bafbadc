# problem: totals
# category: system
# why: tempfile, os.remove, and a file read back

import os, sys, tempfile
handle, path = tempfile.mkstemp(text=True)
with os.fdopen(handle, "w") as file:
    file.write(sys.stdin.read())
t = {}
for line in open(path):
    if line.split():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
os.remove(path)
for a in t:
    print(a, t[a])
