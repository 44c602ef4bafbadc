# problem: banner
# category: writing
# why: ten thousand prints, a megabyte in all

n, w = map(int, input().split())
for i in range(1, n + 1):
    print(str(pow(i, 2, 7)) * w)
