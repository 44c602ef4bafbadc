# problem: sum
# category: source
# why: return at the top level
# status: COMPILE_ERROR

import sys
print(sum(map(int, sys.stdin.read().split()[1:])))
return 0
