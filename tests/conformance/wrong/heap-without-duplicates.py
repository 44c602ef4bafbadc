# problem: heap
# category: algorithm
# why: a set: equal numbers are kept once

h = set()
for _ in range(int(input())):
    w = input().split()
    if w[0] == "push": h.add(int(w[1]))
    elif w[0] == "pop":
        print(min(h) if h else "Empty")
        h.discard(min(h, default=0))
    else: print(len(h), sum(h))
