# problem: banner
# category: output
# why: blanks between the digits

n, w = map(int, input().split())
for i in range(1, n + 1):
    print(*[i * i % 7] * w)
