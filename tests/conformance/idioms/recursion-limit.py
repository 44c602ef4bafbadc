# problem: chain
# category: recursion
# why: sys.setrecursionlimit and 20000 frames of recursion

import sys
sys.setrecursionlimit(10 ** 6)
n = int(input())
children = [[] for _ in range(n + 1)]
for child, parent in enumerate(map(int, input().split()), 2):
    children[parent].append(child)
def walk(node, depth):
    deepest, total = depth, depth
    for child in children[node]:
        d, t = walk(child, depth + 1)
        deepest, total = max(deepest, d), total + t
    return deepest, total
print(*walk(1, 0))
