# problem: sum
# category: output
# why: digits of another script, which int() would read

import sys
s = str(sum(map(int, sys.stdin.read().split()[1:])))
print(s.translate({48 + i: 0xFF10 + i for i in range(10)}))
