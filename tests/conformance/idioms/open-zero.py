# problem: sum
# category: reading
# why: open(0) instead of sys.stdin

data = open(0).read().split()
print(sum(map(int, data[1:])))
