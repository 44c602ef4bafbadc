# problem: heap
# category: algorithm
# why: an exception ends the loop in silence before all orders are served

import heapq
h = []
try:
    for _ in range(int(input())):
        w = input().split()
        if w[0] == "push": heapq.heappush(h, int(w[1]))
        elif w[0] == "pop": print(heapq.heappop(h))
        else: print(len(h), sum(h))
except IndexError:
    print("Empty")
