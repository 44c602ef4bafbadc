# problem: longest-run
# category: code
# why: the re module, back references

import re
def longest_run(text: str) -> tuple[str, int]:
    """Returns the first longest run.

    >>> longest_run("aab")
    ('a', 2)
    """
    runs = [m.group() for m in re.finditer(r"(.)\1*", text, re.S)]
    best = max(runs, key=len, default="")
    return best[:1], len(best)
