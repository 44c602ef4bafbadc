# problem: banner
# category: output
# why: no line ends between the lines

n, w = map(int, input().split())
for i in range(1, n + 1):
    print(str(i * i % 7) * w, end="")
