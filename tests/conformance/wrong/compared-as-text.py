# problem: heap
# category: algorithm
# why: compares numbers as text

h = []
for _ in range(int(input())):
    w = input().split()
    if w[0] == "push":
        h.append(w[1])
        h.sort()
    elif w[0] == "pop": print(h.pop(0) if h else "Empty")
    else: print(len(h), sum(map(int, h)))
