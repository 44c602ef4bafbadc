# problem: sum
# category: concurrency
# why: concurrent.futures.ThreadPoolExecutor

import sys
from concurrent.futures import ThreadPoolExecutor
words = sys.stdin.read().split()[1:]
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(int, words)))
