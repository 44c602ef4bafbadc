# problem: banner
# category: writing
# why: flush=True on each of many lines

n, w = map(int, input().split())
for i in range(1, n + 1):
    print(str(i ** 2 % 7) * w, flush=True)
