# problem: grid
# category: algorithm
# why: walks diagonally too

R, C = map(int, input().split())
g = [input() for _ in range(R)]
d, q = {(0, 0): 0}, [(0, 0)]
for r, c in q:
    for s in (r - 1, r, r + 1):
        for e in (c - 1, c, c + 1):
            if 0 <= s < R and 0 <= e < C and g[s][e] == "." and (s, e) not in d:
                d[s, e] = d[r, c] + 1
                q.append((s, e))
print("Yes" if (R - 1, C - 1) in d else "No")
print(len(d), sum(d.values()))
