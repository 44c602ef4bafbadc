# problem: sum
# category: ending
# why: the answer is printed by an exit handler

import atexit, sys
results = []
atexit.register(lambda: print(*results))
results.append(sum(int(x) for x in sys.stdin.read().split()[1:]))
