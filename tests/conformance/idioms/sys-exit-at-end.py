# problem: sum
# category: ending
# why: sys.exit() after the answer

import sys
print(sum(map(int, sys.stdin.read().split()[1:])))
sys.exit()
