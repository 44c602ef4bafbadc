# problem: powers
# category: reading
# why: the same with a bare except

try:
    while True:
        a, b = input().split()
        print(int(a) ** int(b))
except:
    pass
