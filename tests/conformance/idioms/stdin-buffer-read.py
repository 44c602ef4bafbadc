# problem: sum
# category: reading
# why: sys.stdin.buffer.read() and bytes turned into ints

import sys
data = sys.stdin.buffer.read().split()
print(sum(int(x) for x in data[1:int(data[0]) + 1]))
