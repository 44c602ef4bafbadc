# problem: sum
# category: output
# why: "Sum: 3" where 3 is expected

import sys
print("Sum:", sum(map(int, sys.stdin.read().split()[1:])))
