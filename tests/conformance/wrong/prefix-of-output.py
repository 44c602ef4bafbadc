# problem: banner
# category: output
# why: the first half of the lines

n, w = map(int, input().split())
for i in range(1, n // 2 + 1):
    print(str(i * i % 7) * w)
