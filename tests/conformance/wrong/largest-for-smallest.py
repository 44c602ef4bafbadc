# problem: heap
# category: algorithm
# why: pops the largest number

import bisect
h = []
for _ in range(int(input())):
    w = input().split()
    if w[0] == "push": bisect.insort(h, int(w[1]))
    elif w[0] == "pop": print(h.pop() if h else "Empty")
    else: print(len(h), sum(h))
