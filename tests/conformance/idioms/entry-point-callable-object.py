# problem: fibonacci
# category: names
# why: the entry point is an object with __call__

class Fibonacci:
    def __init__(self):
        self.known = [0, 1]
    def __call__(self, n):
        while len(self.known) <= n:
            self.known.append(self.known[-1] + self.known[-2])
        return self.known[n]
fibonacci = Fibonacci()
