# problem: powers
# category: writing
# why: sys.stdout replaced by a wrapper with a large buffer

import io, os, sys
sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False), 1 << 20))
for line in sys.stdin:
    a, b = map(int, line.split())
    print(a ** b)
sys.stdout.flush()
