# problem: banner
# category: output
# why: the first 64 KiB, which is all that a pipe takes at once

import os
n, w = map(int, input().split())
data = "\n".join(str(i * i % 7) * w for i in range(1, n + 1)).encode()
os.write(1, data[:65536])
