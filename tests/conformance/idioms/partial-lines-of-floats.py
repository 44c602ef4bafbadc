# problem: mean
# category: writing
# why: numbers with more digits than asked for

v = [float(x) for x in input().split()]
m = sum(v) / len(v)
d = (sum((x - m) * (x - m) for x in v) / len(v)) ** 0.5
print("%.20e" % m, "%.18f" % d)
