# problem: sum
# category: crashes
# why: the right answer, then sys.exit("done"), which is exit code 1
# status: RUNTIME_ERROR

import sys
print(sum(map(int, sys.stdin.read().split()[1:])))
sys.exit("done")
