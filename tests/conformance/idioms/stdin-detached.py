# problem: sum
# category: reading
# why: sys.stdin.detach() and a new TextIOWrapper

import io, sys
stream = io.TextIOWrapper(sys.stdin.detach(), encoding="ascii")
print(sum(map(int, stream.read().split()[1:])))
