# problem: heap
# category: writing
# why: output gathered in a StringIO, printed at the end

import heapq, io
out, q = io.StringIO(), []
for _ in range(int(input())):
    w = input().split()
    if w[0] == "push": heapq.heappush(q, int(w[1]))
    elif w[0] == "pop": print(heapq.heappop(q) if q else "Empty", file=out)
    else: print(len(q), sum(q), file=out)
print(out.getvalue())
