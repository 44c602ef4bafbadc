# problem: sum
# category: ending
# why: quit(0)

import sys
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
quit(0)
