# problem: sum
# category: output
# why: a NUL byte after the number

import sys
sys.stdout.write(f"{sum(map(int, sys.stdin.read().split()[1:]))}\0\n")
