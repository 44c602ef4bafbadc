# problem: orbit
# category: calls
# why: contextlib.contextmanager, suppress and ExitStack

from contextlib import ExitStack, contextmanager, suppress
@contextmanager
def noted(log):
    log.append("in")
    yield log
    log.append("out")
def orbit(x):
    with ExitStack() as stack, suppress(KeyError):
        stack.enter_context(noted([]))
        {}["missing"]
    return (x * 7919 + 104729) % 1000003
