# problem: sum
# category: reading
# why: repeated sys.stdin.buffer.readline()

import sys
readline = sys.stdin.buffer.readline
n = int(readline())
total = count = 0
while count < n:
    row = list(map(int, readline().split()))
    total += sum(row)
    count += len(row)
sys.stdout.write("%d\n" % total)
