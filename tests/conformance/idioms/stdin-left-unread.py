# problem: sum
# category: ending
# why: ends without having read all of its input

import sys
n = int(sys.stdin.readline())
total = 0
while n:
    row = sys.stdin.readline().split()
    total, n = total + sum(map(int, row)), n - len(row)
print(total)
sys.stdin.close()
