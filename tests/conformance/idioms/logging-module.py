# problem: sum
# category: writing
# why: the logging module, which writes to standard error

import logging
logging.basicConfig(level=logging.DEBUG)
n, values = int(input()), []
while len(values) < n:
    values += map(int, input().split())
logging.debug("values: %s", values[:5])
print(sum(values))
