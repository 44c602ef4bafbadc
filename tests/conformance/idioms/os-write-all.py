# problem: banner
# category: writing
# why: os.write(1, ...) in a loop, as a pipe takes only a part at a time

import os
n, w = map(int, input().split())
data = memoryview("\n".join(str(i * i % 7) * w for i in range(1, n + 1)).encode())
while data:
    data = data[os.write(1, data):]
