# problem: heap
# category: reading
# why: input replaced by a lambda that strips the line end

import sys
from bisect import insort
input = lambda: sys.stdin.readline().rstrip("\r\n")
kept = []
for _ in range(int(input())):
    word, _, number = input().partition(" ")
    if word == "push":
        insort(kept, int(number))
    elif word == "pop":
        print(kept.pop(0) if kept else "Empty")
    else:
        print(len(kept), sum(kept))
