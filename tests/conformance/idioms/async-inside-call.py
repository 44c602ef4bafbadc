# problem: orbit
# category: calls
# why: a call that runs an event loop of its own

import asyncio
async def later(x):
    await asyncio.sleep(0)
    return (x * 7919 + 104729) % 1000003
def orbit(x):
    return asyncio.run(later(x))
