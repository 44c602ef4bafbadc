# problem: banner
# category: writing
# why: sys.stdout.buffer.write of a megabyte

import sys
n, w = map(int, sys.stdin.buffer.readline().split())
sys.stdout.buffer.write(b"".join(b"%d" % (i * i % 7) * w + b"\n" for i in range(1, n + 1)))
