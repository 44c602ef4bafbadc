# problem: heap
# category: crashes
# why: IndexError on an empty heap
# status: RUNTIME_ERROR

import heapq
h = []
for _ in range(int(input())):
    w = input().split()
    if w[0] == "push": heapq.heappush(h, int(w[1]))
    elif w[0] == "pop": print(heapq.heappop(h))
    else: print(len(h), sum(h))
