# problem: sum
# category: output
# why: os._exit without a flush: the answer never leaves the buffer

import os, sys
print(sum(map(int, sys.stdin.read().split()[1:])))
os._exit(0)
