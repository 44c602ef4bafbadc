# problem: totals
# category: lines
# why: takes an empty line for the end of the input

t = {}
try:
    while line := input().strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
except EOFError:
    pass
for a in t:
    print(a, t[a])
