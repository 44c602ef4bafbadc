# problem: fibonacci
# category: names
# why: the entry point is wrapped by functools.lru_cache

from functools import lru_cache
import sys
sys.setrecursionlimit(5000)
@lru_cache(None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
