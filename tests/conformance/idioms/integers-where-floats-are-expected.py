# problem: mean
# category: floats
# why: whole numbers printed without a point

v = list(map(float, input().split()))
m = sum(v) / len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)) ** .5
print(*(int(x) if x == int(x) else x for x in (m, d)))
