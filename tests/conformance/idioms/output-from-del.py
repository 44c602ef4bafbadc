# problem: sum
# category: ending
# why: a file object closed by the end of the program

import sys
out = open(1, "w", closefd=False)
out.write(str(sum(int(x) for x in sys.stdin.read().split()[1:])))
