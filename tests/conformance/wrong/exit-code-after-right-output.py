# problem: sum
# category: crashes
# why: the right answer, then exit code 3
# status: RUNTIME_ERROR

import sys
print(sum(map(int, sys.stdin.read().split()[1:])))
sys.exit(3)
