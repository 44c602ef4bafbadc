# problem: sum
# category: crashes
# why: the right answer, then os.abort()
# status: RUNTIME_ERROR

import os, sys
print(sum(map(int, sys.stdin.read().split()[1:])), flush=True)
os.abort()
