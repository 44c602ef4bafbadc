# problem: sum
# category: limits
# why: the right answer, then an endless loop
# status: TIME_LIMIT_EXCEEDED

import sys
print(sum(map(int, sys.stdin.read().split()[1:])), flush=True)
while True:
    pass
