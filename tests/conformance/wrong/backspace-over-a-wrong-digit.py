# problem: sum
# category: output
# why: control characters that would hide a wrong digit on a terminal

import sys
print(f"9\b{sum(map(int, sys.stdin.read().split()[1:]))}")
