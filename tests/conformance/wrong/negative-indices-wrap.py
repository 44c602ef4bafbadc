# problem: grid
# category: algorithm
# why: index -1 is the last cell: the map becomes a torus on two sides

R, C = map(int, input().split())
g = [input() for _ in range(R)]
d, q = {(0, 0): 0}, [(0, 0)]
for r, c in q:
    for s, e in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
        if s < R and e < C and s >= -R and e >= -C and g[s][e] == ".":
            if (s % R, e % C) not in d:
                d[s % R, e % C] = d[r, c] + 1
                q.append((s % R, e % C))
print("Yes" if (R - 1, C - 1) in d else "No")
print(len(d), sum(d.values()))
