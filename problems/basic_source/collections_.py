"""Functions on dicts, sets and tuples."""

from .problem import Function

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Function(
        "word_counts",
        "dicts",
        "easy",
        "(text: str) -> dict[str, int]",
        "Words are separated by spaces; case is ignored. Return a dict that gives for each\n"
        "word, in lower case, how many times it is in text.",
        (
            """
            def word_counts(text: str) -> dict[str, int]:
                counts = {}
                for word in text.lower().split():
                    counts[word] = counts.get(word, 0) + 1
                return counts
            """,
            """
            from collections import Counter


            def word_counts(text: str) -> dict[str, int]:
                return dict(Counter(text.lower().split()))
            """,
        ),
        (
            """
            def word_counts(text: str) -> dict[str, int]:
                return {word: text.split().count(word) for word in text.split()}
            """,
            """
            def word_counts(text: str) -> dict[str, int]:
                return {word: text.lower().count(word) for word in text.lower().split()}
            """,
        ),
        [("a b a",), ("Go go stop",)],
        [
            ("",),
            ("one",),
            ("The cat and the catalog",),
            ("x  x   X",),
            ("in inn inner",),
            ("red Blue RED blue red",),
        ],
    ),
    Function(
        "invert",
        "dicts",
        "medium",
        "(mapping: dict[str, int]) -> dict[int, list[str]]",
        "Return a dict from each value of mapping to the list of the keys that have it, the\n"
        "keys in alphabetical order.",
        (
            """
            def invert(mapping: dict[str, int]) -> dict[int, list[str]]:
                out = {}
                for key in sorted(mapping):
                    out.setdefault(mapping[key], []).append(key)
                return out
            """,
        ),
        (
            """
            def invert(mapping: dict[str, int]) -> dict[int, list[str]]:
                return {value: [key] for key, value in mapping.items()}
            """,
            """
            def invert(mapping: dict[str, int]) -> dict[int, list[str]]:
                out = {}
                for key, value in mapping.items():
                    out.setdefault(value, []).append(key)
                return out
            """,
        ),
        [({"a": 1, "b": 2},), ({"y": 5, "x": 5},)],
        [
            ({},),
            ({"only": 0},),
            ({"c": 1, "b": 1, "a": 1},),
            ({"p": 2, "q": 3, "o": 2},),
            ({"z": -1, "m": -1, "k": 4},),
            ({"one": 1, "two": 2, "three": 3},),
        ],
    ),
    Function(
        "merge_stock",
        "dicts",
        "easy",
        "(stock: dict[str, int], delivery: dict[str, int]) -> dict[str, int]",
        "stock and delivery say how many there are of each article. Return the stock after the\n"
        "delivery: the numbers of an article in both are added. Articles of which none is left\n"
        "(a number of 0 or less) do not appear. The arguments must stay as they are.",
        (
            """
            def merge_stock(stock: dict[str, int], delivery: dict[str, int]) -> dict[str, int]:
                out = dict(stock)
                for name, count in delivery.items():
                    out[name] = out.get(name, 0) + count
                return {name: count for name, count in out.items() if count > 0}
            """,
        ),
        (
            """
            def merge_stock(stock: dict[str, int], delivery: dict[str, int]) -> dict[str, int]:
                return {**stock, **delivery}
            """,
            """
            def merge_stock(stock: dict[str, int], delivery: dict[str, int]) -> dict[str, int]:
                names = set(stock) | set(delivery)
                return {n: stock.get(n, 0) + delivery.get(n, 0) for n in names}
            """,
        ),
        [({"pen": 2}, {"pen": 3, "ink": 1}), ({"cup": 1}, {"cup": -1})],
        [
            ({}, {}),
            ({"a": 1}, {}),
            ({}, {"b": 2}),
            ({"x": 0}, {"y": 1}),
            ({"q": 5}, {"q": -7}),
            ({"m": 1, "n": 2}, {"n": 2, "o": 0}),
        ],
    ),
    Function(
        "most_common",
        "dicts",
        "medium",
        "(items: list[str]) -> str",
        "items is not empty. Return the item that is in it most often; among equally frequent\n"
        "ones, the one that is first in alphabetical order.",
        (
            """
            def most_common(items: list[str]) -> str:
                return min(set(items), key=lambda item: (-items.count(item), item))
            """,
            """
            from collections import Counter


            def most_common(items: list[str]) -> str:
                counts = Counter(items)
                top = max(counts.values())
                return min(item for item, count in counts.items() if count == top)
            """,
        ),
        (
            """
            from collections import Counter


            def most_common(items: list[str]) -> str:
                return Counter(items).most_common(1)[0][0]
            """,
            """
            def most_common(items: list[str]) -> str:
                return max(sorted(items), key=lambda item: (items.count(item), item))
            """,
        ),
        [(["b", "a", "b"],), (["pear", "fig"],)],
        [
            (["x"],),
            (["z", "y", "z", "y"],),
            (["c", "b", "a"],),
            (["a", "b", "b"],),
            (["kiwi", "kiwi", "apple"],),
            (["d", "c", "d", "c", "e"],),
        ],
        split="test",
    ),
    Function(
        "common_letters",
        "sets",
        "easy",
        "(first: str, second: str) -> set[str]",
        "Return the set of the characters that are in both texts. Upper and lower case differ.",
        (
            """
            def common_letters(first: str, second: str) -> set[str]:
                return set(first) & set(second)
            """,
            """
            def common_letters(first: str, second: str) -> set[str]:
                return {letter for letter in first if letter in second}
            """,
        ),
        (
            """
            def common_letters(first: str, second: str) -> set[str]:
                return set(first) | set(second)
            """,
            """
            def common_letters(first: str, second: str) -> set[str]:
                return {a for a, b in zip(first, second) if a == b}
            """,
            """
            def common_letters(first: str, second: str) -> list[str]:
                return sorted(set(first) & set(second))
            """,
        ),
        [("apple", "plum"), ("cat", "dog")],
        [
            ("", "abc"),
            ("same", "same"),
            ("Aa", "a"),
            ("hello", "world"),
            ("abc", "cba"),
            ("12 3", "3 4"),
        ],
    ),
    Function(
        "only_once",
        "sets",
        "easy",
        "(numbers: list[int]) -> set[int]",
        "Return the set of the numbers that are in the list exactly once.",
        (
            """
            def only_once(numbers: list[int]) -> set[int]:
                return {number for number in numbers if numbers.count(number) == 1}
            """,
            """
            def only_once(numbers: list[int]) -> set[int]:
                once, more = set(), set()
                for number in numbers:
                    if number in more or number in once:
                        once.discard(number)
                        more.add(number)
                    else:
                        once.add(number)
                return once
            """,
        ),
        (
            """
            def only_once(numbers: list[int]) -> set[int]:
                return set(numbers)
            """,
            """
            def only_once(numbers: list[int]) -> set[int]:
                once = set()
                for number in numbers:
                    once ^= {number}
                return once
            """,
        ),
        [([1, 2, 2, 3],), ([4, 4],)],
        [([],), ([5],), ([1, 1, 1],), ([0, -1, 0, -2],), ([3, 3, 3, 7],), ([9, 8, 7],)],
    ),
    Function(
        "min_and_max",
        "tuples",
        "easy",
        "(numbers: list[int]) -> tuple[int, int]",
        "numbers is not empty. Return a tuple of its smallest and its largest number.",
        (
            """
            def min_and_max(numbers: list[int]) -> tuple[int, int]:
                return min(numbers), max(numbers)
            """,
            """
            def min_and_max(numbers: list[int]) -> tuple[int, int]:
                ordered = sorted(numbers)
                return ordered[0], ordered[-1]
            """,
        ),
        (
            """
            def min_and_max(numbers: list[int]) -> tuple[int, int]:
                return max(numbers), min(numbers)
            """,
            """
            def min_and_max(numbers: list[int]) -> tuple[int, int]:
                return numbers[0], numbers[-1]
            """,
        ),
        [([3, 1, 2],), ([5],)],
        [([-1, -9, -4],), ([0, 0],), ([10, 2, 33, 4],), ([1, 2],), ([2, 1],), ([7, -7, 0],)],
    ),
    Function(
        "distance_between",
        "tuples",
        "easy",
        "(first: tuple[float, float], second: tuple[float, float]) -> float",
        "first and second are points (x, y). Return the straight distance between them, a float.",
        (
            """
            import math


            def distance_between(first: tuple[float, float], second: tuple[float, float]) -> float:
                return math.hypot(first[0] - second[0], first[1] - second[1])
            """,
            """
            def distance_between(first: tuple[float, float], second: tuple[float, float]) -> float:
                (a, b), (c, d) = first, second
                return ((a - c) ** 2 + (b - d) ** 2) ** 0.5
            """,
        ),
        (
            """
            def distance_between(first: tuple[float, float], second: tuple[float, float]) -> float:
                return float(abs(first[0] - second[0]) + abs(first[1] - second[1]))
            """,
            """
            def distance_between(first: tuple[float, float], second: tuple[float, float]) -> float:
                (a, b), (c, d) = first, second
                return (a - c) ** 2.0 + (b - d) ** 2.0
            """,
        ),
        [((0.0, 0.0), (3.0, 4.0)), ((1.0, 1.0), (1.0, 1.0))],
        [
            ((0.0, 0.0), (1.0, 1.0)),
            ((-1.5, 2.0), (2.5, -1.0)),
            ((0.0, 5.0), (0.0, -5.0)),
            ((2.0, 3.0), (7.0, 15.0)),
            ((0.1, 0.2), (0.4, 0.6)),
            ((100.0, 0.0), (0.0, 75.0)),
        ],
    ),
    Function(
        "group_by_length",
        "dicts",
        "easy",
        "(words: list[str]) -> dict[int, list[str]]",
        "Return a dict from each length to the list of the words of that length, in the order\n"
        "in which they are in words, repeated words included.",
        (
            """
            def group_by_length(words: list[str]) -> dict[int, list[str]]:
                out = {}
                for word in words:
                    out.setdefault(len(word), []).append(word)
                return out
            """,
            """
            def group_by_length(words: list[str]) -> dict[int, list[str]]:
                return {len(w): [v for v in words if len(v) == len(w)] for w in words}
            """,
        ),
        (
            """
            def group_by_length(words: list[str]) -> dict[int, list[str]]:
                return {len(word): [word] for word in words}
            """,
            """
            def group_by_length(words: list[str]) -> dict[int, list[str]]:
                return {len(w): sorted(v for v in set(words) if len(v) == len(w)) for w in words}
            """,
        ),
        [(["a", "bb", "c"],), (["one", "two"],)],
        [
            ([],),
            ([""],),
            (["x", "x"],),
            (["zz", "aa", "b"],),
            (["tea", "coffee", "milk", "pie"],),
            (["b", "a"],),
        ],
        split="test",
    ),
)
