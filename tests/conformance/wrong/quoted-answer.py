# problem: sum
# category: output
# why: repr() of a str: the answer in quotes

import sys
print(repr(str(sum(map(int, sys.stdin.read().split()[1:])))))
