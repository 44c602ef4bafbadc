# problem: heap
# category: reading
# why: input = sys.stdin.readline, and lines that keep their line end

import sys, heapq
input = sys.stdin.readline
h = []
for _ in range(int(input())):
    order = input().split()
    if order[0] == "push":
        heapq.heappush(h, int(order[1]))
    elif order[0] == "pop":
        print(heapq.heappop(h) if h else "Empty")
    else:
        print(len(h), sum(h))
