# problem: sum
# category: source
# why: right code, a bracket too few at its end
# status: COMPILE_ERROR

import sys
print(sum(map(int, sys.stdin.read().split()[1:]))
