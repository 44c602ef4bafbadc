# problem: sum
# category: crashes
# why: the right answer, then a signal
# status: RUNTIME_ERROR

import os, signal, sys
print(sum(map(int, sys.stdin.read().split()[1:])), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
