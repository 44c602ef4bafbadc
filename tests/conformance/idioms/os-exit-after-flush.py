# problem: sum
# category: ending
# why: os._exit(0) after a flush, to save the tear-down

import os, sys
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
sys.stdout.flush()
os._exit(0)
