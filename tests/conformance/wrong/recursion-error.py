# problem: chain
# category: crashes
# why: recursion deeper than the limit that Python sets
# status: RUNTIME_ERROR

n = int(input())
up = [0, 0] + list(map(int, input().split()))
def depth(i):
    return 0 if i == 1 else depth(up[i]) + 1
all_depths = [depth(i) for i in range(n, 0, -1)]
print(max(all_depths), sum(all_depths))
