# problem: chain
# category: arithmetic
# why: counts the root as depth 1

n = int(input())
up = [0, 0] + list(map(int, input().split()))
depth = [0, 1] + [0] * (n - 1)
for i in range(2, n + 1):
    depth[i] = depth[up[i]] + 1
print(max(depth), sum(depth))
