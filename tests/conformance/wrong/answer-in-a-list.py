# problem: sum
# category: output
# why: [3] where 3 is expected

import sys
print([sum(map(int, sys.stdin.read().split()[1:]))])
