# problem: describe
# category: types
# why: a TypedDict, and an int for a whole half

from typing import Optional, TypedDict
class Description(TypedDict):
    even: bool
    digits: int
    name: Optional[str]
    half: float
def describe(n):
    name = {7: "seven", 1_000_003: "million and three"}.get(n)
    half = n // 2 if n % 2 == 0 else n * 0.5
    return Description(even=n % 2 == 0, digits=len(f"{abs(n)}"), name=name, half=half)
