# problem: chain
# category: recursion
# why: threading.stack_size(2**27) and the work in a thread

import sys, threading
sys.setrecursionlimit(1 << 25)
threading.stack_size(1 << 27)
def main():
    n = int(input())
    parents = [0, 0] + list(map(int, input().split()))
    known = {1: 0}
    def depth(i):
        if i not in known:
            known[i] = depth(parents[i]) + 1
        return known[i]
    for i in range(n, 0, -1):
        depth(i)
    print(max(known.values()), sum(known.values()))
thread = threading.Thread(target=main)
thread.start()
thread.join()
