# problem: totals
# category: text
# why: the program begins with a UTF-8 byte order mark

﻿import sys
sums = {}
for name, amount in (line.split() for line in sys.stdin if line.strip()):
    sums[name] = sums.get(name, 0) + int(amount)
print(*map(" ".join, ((k, str(v)) for k, v in sums.items())), sep="\n")
