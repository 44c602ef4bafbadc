# problem: grid
# category: case
# why: YES and NO where Yes and No are wanted

from collections import deque
R, C = map(int, input().split())
g = [input() for _ in range(R)]
d, q = {(0, 0): 0}, deque([(0, 0)])
while q:
    r, c = q.popleft()
    for s, e in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
        if 0 <= s < R and 0 <= e < C and g[s][e] == "." and (s, e) not in d:
            d[s, e] = d[r, c] + 1
            q.append((s, e))
print("YES" if (R - 1, C - 1) in d else "NO")
print(len(d), sum(d.values()))
