# problem: grid
# category: structure
# why: global statements at the top level and in functions

global best
best = {(0, 0): 0}
rows, columns = map(int, input().split())
grid = [input() for _ in range(rows)]
def spread(front):
    global best
    following = []
    for r, c in front:
        for s, d in (r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1):
            if 0 <= s < rows and 0 <= d < columns and grid[s][d] == "." and (s, d) not in best:
                best[s, d] = best[r, c] + 1
                following.append((s, d))
    return following
front = [(0, 0)]
while front:
    front = spread(front)
print("Yes" if (rows - 1, columns - 1) in best else "No")
print(len(best), sum(best.values()))
