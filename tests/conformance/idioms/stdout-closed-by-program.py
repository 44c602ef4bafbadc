# problem: sum
# category: ending
# why: the program closes its standard output

import sys
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
sys.stdout.close()
