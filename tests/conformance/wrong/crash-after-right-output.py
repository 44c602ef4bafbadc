# problem: sum
# category: crashes
# why: the right answer, then an exception
# status: RUNTIME_ERROR

import sys
print(sum(map(int, sys.stdin.read().split()[1:])), flush=True)
raise ValueError("after the answer")
