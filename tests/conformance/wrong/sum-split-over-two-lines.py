# problem: sum
# category: output
# why: a sign and its digits as two tokens

import sys
s = str(sum(map(int, sys.stdin.read().split()[1:])))
print(s[:1], s[1:])
