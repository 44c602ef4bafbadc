# problem: mean
# category: floats
# why: integer division

v = list(map(float, input().split()))
m = sum(v) // len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)) ** 0.5
print(m, d)
