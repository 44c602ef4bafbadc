# problem: banner
# category: output
# why: a single digit is wrong, in the middle of a megabyte

n, w = map(int, input().split())
out = [str(i * i % 7) * w for i in range(1, n + 1)]
if n > 5000:
    out[5000] = out[5000][:50] + "9" + out[5000][51:]
print("\n".join(out))
