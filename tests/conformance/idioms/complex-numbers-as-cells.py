# problem: grid
# category: structure
# why: complex numbers as coordinates, a set as the frontier

rows, columns = map(int, input().split())
free = {complex(r, c) for r in range(rows) for c, x in enumerate(input()) if x == "."}
front, distance, step = {0j}, {0j: 0}, 0
while front:
    step += 1
    front = {z + d for z in front for d in (1, -1, 1j, -1j)} & free - distance.keys()
    distance |= dict.fromkeys(front, step)
print("Yes" if complex(rows - 1, columns - 1) in distance else "No")
print(len(distance), sum(distance.values()))
