# problem: sum
# category: numbers
# why: the right value with commas in it

import sys
print(f"{sum(map(int, sys.stdin.read().split()[1:])):,}")
