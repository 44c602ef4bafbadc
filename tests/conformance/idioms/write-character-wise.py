# problem: banner
# category: writing
# why: sys.stdout.write of small pieces

import sys
n, w = map(int, input().split())
write = sys.stdout.write
for i in range(n):
    digit = str((i + 1) * (i + 1) % 7)
    for _ in range(w // 10):
        write(digit * 10)
    write(digit * (w % 10) + "\n")
