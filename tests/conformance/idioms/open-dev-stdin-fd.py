# problem: sum
# category: reading
# why: os.fdopen(0) as a binary file

import os
with os.fdopen(0, "rb", closefd=False) as stream:
    numbers = stream.read().split()
print(sum(map(int, numbers[1:])))
