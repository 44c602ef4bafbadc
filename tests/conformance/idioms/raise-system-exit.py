# problem: sum
# category: ending
# why: raise SystemExit

import sys
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
raise SystemExit
