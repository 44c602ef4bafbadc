# problem: mirror
# category: text
# why: the line end is taken for a character of the line

import sys
s = sys.stdin.readline()
print(s.rstrip("\n")[::-1])
print(len(s), sum(map(ord, s)))
