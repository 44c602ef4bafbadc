# problem: describe
# category: types
# why: a StrEnum member where a str is expected, True from a comparison

from enum import StrEnum
class Name(StrEnum):
    SEVEN = "seven"
    LARGE = "million and three"
def describe(n):
    name = Name.SEVEN if n == 7 else Name.LARGE if n == 1000003 else None
    return dict(even=not n & 1, digits=len(str(n).lstrip("-")), name=name, half=n / 2)
