# problem: sum
# category: system
# why: input.txt where it exists, else standard input

import os, sys
if os.path.exists("input.txt"):
    sys.stdin = open("input.txt")
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
