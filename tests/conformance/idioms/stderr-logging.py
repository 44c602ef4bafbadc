# problem: sum
# category: writing
# why: debug output on standard error

import sys
numbers = sys.stdin.read().split()
print("read", len(numbers), file=sys.stderr)
print(sum(map(int, numbers[1:])))
sys.stderr.write("done" * 1000)
