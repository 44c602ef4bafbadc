# problem: sum
# category: system
# why: a signal handler for a time limit of one's own

import signal, sys
signal.signal(signal.SIGALRM, lambda *a: print("too slow"))
signal.alarm(60)
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
signal.alarm(0)
