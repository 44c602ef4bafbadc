# problem: sum
# category: reading
# why: competitive template: BytesIO over os.read as a new input()

import io, os, sys
chunks = []
while True:
    chunk = os.read(0, 8192)
    if not chunk:
        break
    chunks.append(chunk)
input = io.BytesIO(b"".join(chunks)).readline
n = int(input())
total, seen = 0, 0
while seen < n:
    row = [int(t) for t in input().split()]
    total, seen = total + sum(row), seen + len(row)
os.write(1, str(total).encode())
