# problem: mean
# category: floats
# why: six decimals, too few for small numbers

v = list(map(float, input().split()))
m = sum(v) / len(v)
d = (sum((x - m) ** 2 for x in v) / len(v)) ** 0.5
print(f"{m:.6f} {d:.6f}")
