# problem: grid
# category: structure
# why: everything in a class, driven by its constructor

class Walk:
    def __init__(self):
        self.rows, self.columns = map(int, input().split())
        self.grid = [list(input()) for _ in range(self.rows)]
        self.run()

    def run(self):
        order, at = [(0, 0, 0)], 0
        self.grid[0][0] = "#"
        reached = False
        while at < len(order):
            r, c, d = order[at]
            at += 1
            reached |= (r, c) == (self.rows - 1, self.columns - 1)
            for s, e in ((r, c + 1), (r + 1, c), (r, c - 1), (r - 1, c)):
                if s in range(self.rows) and e in range(self.columns) and self.grid[s][e] == ".":
                    self.grid[s][e] = "#"
                    order.append((s, e, d + 1))
        print(["No", "Yes"][reached])
        print(len(order), sum(d for _, _, d in order))

Walk()
