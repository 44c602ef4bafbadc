# problem: powers
# category: reading
# why: sys.stdin.readlines() and a generator for output

import sys
print(*(int(a) ** int(b) for a, b in map(str.split, sys.stdin.readlines())), sep="\n")
