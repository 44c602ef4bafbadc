# problem: orbit
# category: calls
# why: a decorator of one's own with functools.wraps and a counter

import functools
def counted(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return function(*args, **kwargs)
    wrapper.calls = 0
    return wrapper
@counted
def orbit(x: int) -> int:
    """Returns the next number."""
    return (7919 * x + 104729) % 1_000_003
