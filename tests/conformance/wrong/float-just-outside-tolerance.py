# problem: mean
# category: floats
# why: wrong in the sixth digit

v = list(map(float, input().split()))
m = sum(v) / len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)) ** 0.5
print(m * (1 + 5e-6), d * (1 + 5e-6))
