# problem: sum
# category: numbers
# why: prints 3.0 where 3 is expected

import sys
print(sum(map(int, sys.stdin.read().split()[1:])) / 1)
