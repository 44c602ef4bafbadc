# problem: digit-sums
# category: code
# why: Protocol, TypeVar, a generic class, type statements

from typing import Callable, Generic, Iterable, Protocol, TypeVar
T = TypeVar("T")
type Number = int
class Measure(Protocol):
    def __call__(self, x: int) -> int: ...
class Box(Generic[T]):
    def __init__(self, items: Iterable[T]) -> None:
        self.items = list(items)
    def sorted_by(self, f: Callable[[T], int]) -> list[int]:
        return sorted(map(f, self.items))
def digit_sums(numbers: list[Number]) -> list[int]:
    measure: Measure = lambda n: sum(int(d) for d in str(abs(n)))
    return Box(numbers).sorted_by(measure)
