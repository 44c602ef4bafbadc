# problem: chain
# category: recursion
# why: a worker thread that the main thread does not wait for

import threading
def main():
    n = int(input())
    up = [0, 0] + [int(x) for x in input().split()]
    depth = [0] * (n + 1)
    for i in range(2, n + 1):
        depth[i] = depth[up[i]] + 1
    print(max(depth), sum(depth))
threading.Thread(target=main).start()
