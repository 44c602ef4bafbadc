# problem: sum
# category: reading
# why: os.read(0, os.fstat(0).st_size), falling back where input is a pipe

import os
size = os.fstat(0).st_size
data = os.read(0, size) if size else b""
while part := os.read(0, 65536):
    data += part
print(sum(map(int, data.split()[1:])))
