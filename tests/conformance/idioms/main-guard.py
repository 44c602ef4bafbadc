# problem: grid
# category: structure
# why: if __name__ == "__main__"

from collections import deque

def solve(grid):
    seen, queue = {(0, 0): 0}, deque([(0, 0)])
    while queue:
        r, c = queue.popleft()
        for dr, dc in (0, 1), (1, 0), (0, -1), (-1, 0):
            s, d = r + dr, c + dc
            if 0 <= s < len(grid) and 0 <= d < len(grid[0]) and grid[s][d] == ".":
                if (s, d) not in seen:
                    seen[s, d] = seen[r, c] + 1
                    queue.append((s, d))
    return seen

def main():
    rows, columns = map(int, input().split())
    seen = solve([input().strip() for _ in range(rows)])
    print("Yes" if (rows - 1, columns - 1) in seen else "No")
    print(len(seen), sum(seen.values()))

if __name__ == "__main__":
    main()
