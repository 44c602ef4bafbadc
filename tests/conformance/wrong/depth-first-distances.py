# problem: grid
# category: algorithm
# why: depth-first search: reaches the same cells by longer ways

R, C = map(int, input().split())
g = [input() for _ in range(R)]
d, q = {(0, 0): 0}, [(0, 0)]
while q:
    r, c = q.pop()
    for s, e in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
        if 0 <= s < R and 0 <= e < C and g[s][e] == "." and (s, e) not in d:
            d[s, e] = d[r, c] + 1
            q.append((s, e))
print("Yes" if (R - 1, C - 1) in d else "No")
print(len(d), sum(d.values()))
