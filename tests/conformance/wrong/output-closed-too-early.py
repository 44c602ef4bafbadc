# problem: sum
# category: output
# why: closes standard output, then prints

import sys
s = sum(map(int, sys.stdin.read().split()[1:]))
sys.stdout.close()
print(s)
