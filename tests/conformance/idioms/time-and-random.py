# problem: sum
# category: system
# why: clocks and random numbers that do not change the answer

import random, sys, time
random.seed(time.time())
start = time.perf_counter()
values = [int(x) for x in sys.stdin.read().split()[1:]]
random.shuffle(values)
time.sleep(0.01)
print(sum(values))
assert time.perf_counter() > start
