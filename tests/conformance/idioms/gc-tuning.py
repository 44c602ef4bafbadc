# problem: sum
# category: system
# why: gc.disable, gc.freeze, sys.setswitchinterval

import gc, sys
gc.disable()
gc.freeze()
gc.set_threshold(0)
sys.setswitchinterval(1)
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
gc.collect()
