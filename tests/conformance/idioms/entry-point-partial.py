# problem: fibonacci
# category: names
# why: the entry point is a functools.partial

from functools import partial
def step(a, b, n):
    while n:
        a, b, n = b, a + b, n - 1
    return a
fibonacci = partial(step, 0, 1)
