# problem: sum
# category: ending
# why: sys.exit(0) in a function, with code after it that must not run

import sys
def solve():
    n, *values = sys.stdin.read().split()
    if n == "1":
        print(values[0])
        sys.exit(0)
    print(sum(map(int, values)))
    sys.exit(0)
solve()
print("never")
