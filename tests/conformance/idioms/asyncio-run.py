# problem: sum
# category: concurrency
# why: asyncio.run, a task per number

import asyncio, sys
async def parse(text):
    await asyncio.sleep(0)
    return int(text)
async def main():
    words = sys.stdin.read().split()[1:]
    print(sum(await asyncio.gather(*(parse(w) for w in words))))
asyncio.run(main())
