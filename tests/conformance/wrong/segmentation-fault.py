# problem: sum
# category: crashes
# why: the right answer, then a read of address 0
# status: RUNTIME_ERROR

import ctypes, sys
print(sum(map(int, sys.stdin.read().split()[1:])), flush=True)
ctypes.string_at(0)
