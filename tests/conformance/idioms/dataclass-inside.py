# problem: describe
# category: types
# why: a dataclass, turned into a dict by asdict

from dataclasses import asdict, dataclass, field
@dataclass(slots=True, order=True)
class Number:
    even: bool
    digits: int
    name: str | None = None
    half: float = field(default=0.0, kw_only=True)
def describe(n):
    made = Number(n % 2 == 0, len(str(abs(n))), half=n / 2)
    if n in (7, 1000003):
        made.name = "seven" if n == 7 else "million and three"
    return asdict(made)
