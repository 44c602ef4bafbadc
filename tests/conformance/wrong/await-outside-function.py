# problem: sum
# category: source
# why: await at the top level
# status: COMPILE_ERROR

import asyncio, sys
await asyncio.sleep(0)
print(sum(map(int, sys.stdin.read().split()[1:])))
