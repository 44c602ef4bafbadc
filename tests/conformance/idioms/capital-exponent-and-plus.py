# problem: mean
# category: floats
# why: numbers written with a sign, a capital E and leading zeros

v = list(map(float, input().split()))
m = sum(v) / len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)) ** .5
print(f"{m:+.12E} {d:030.17f}")
