# problem: totals
# category: crashes
# why: input() beyond the end of the input
# status: RUNTIME_ERROR

t = {}
while True:
    line = input()
    if line.strip():
        a, b = line.split()
        t[a] = t.get(a, 0) + int(b)
        print(a, t[a])
