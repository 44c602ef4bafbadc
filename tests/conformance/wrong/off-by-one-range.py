# problem: sum
# category: arithmetic
# why: leaves the last number out

n = int(input())
v = []
while len(v) < n:
    v += map(int, input().split())
print(sum(v[i] for i in range(n - 1)))
