# problem: sum
# category: reading
# why: os.read(0, ...) with a large size, until it gives nothing

import os
data = b""
while part := os.read(0, 1 << 20):
    data += part
print(sum(map(int, data.split()[1:])))
