"""Functions on lists."""

from .problem import Function

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Function(
        "running_totals",
        "lists",
        "easy",
        "(numbers: list[int]) -> list[int]",
        "Return a list whose item i is the sum of numbers[0] to numbers[i].",
        (
            """
            def running_totals(numbers: list[int]) -> list[int]:
                total, out = 0, []
                for number in numbers:
                    total += number
                    out.append(total)
                return out
            """,
            """
            from itertools import accumulate


            def running_totals(numbers: list[int]) -> list[int]:
                return list(accumulate(numbers))
            """,
        ),
        (
            """
            def running_totals(numbers: list[int]) -> list[int]:
                return [sum(numbers[:i]) for i in range(len(numbers))]
            """,
            """
            def running_totals(numbers: list[int]) -> list[int]:
                return [a + b for a, b in zip([0] + numbers, numbers)]
            """,
        ),
        [([1, 2, 3],), ([5, -5, 4],)],
        [([],), ([7],), ([0, 0, 0],), ([-1, -2, -3],), ([10, 20, 30, 40],), ([3, -1, 3, -1],)],
    ),
    Function(
        "rotate",
        "lists",
        "easy",
        "(items: list, steps: int) -> list",
        "Return items rotated to the right by steps places: the last item moves to the front,\n"
        "steps times. steps may be negative (rotate to the left) or larger than the list.",
        (
            """
            def rotate(items: list, steps: int) -> list:
                if not items:
                    return []
                cut = -steps % len(items)
                return items[cut:] + items[:cut]
            """,
            """
            from collections import deque


            def rotate(items: list, steps: int) -> list:
                ring = deque(items)
                ring.rotate(steps)
                return list(ring)
            """,
        ),
        (
            """
            def rotate(items: list, steps: int) -> list:
                return items[-steps:] + items[:-steps]
            """,
            """
            def rotate(items: list, steps: int) -> list:
                cut = steps % len(items) if items else 0
                return items[cut:] + items[:cut]
            """,
        ),
        [([1, 2, 3, 4], 1), (["a", "b", "c"], 2)],
        [
            ([], 3),
            ([9], 5),
            ([1, 2, 3], -1),
            ([1, 2, 3, 4, 5], 12),
            ([1, 2], 0),
            ([4, 5, 6], 3),
            ([1, 2, 3, 4, 5], -7),
        ],
    ),
    Function(
        "flatten",
        "lists",
        "medium",
        "(items: list) -> list",
        "items holds numbers and lists, which hold numbers and lists in turn, to any depth.\n"
        "Return all the numbers in one flat list, in the order in which they are written.",
        (
            """
            def flatten(items: list) -> list:
                out = []
                for item in items:
                    if isinstance(item, list):
                        out.extend(flatten(item))
                    else:
                        out.append(item)
                return out
            """,
            """
            def flatten(items: list) -> list:
                stack, out = [iter(items)], []
                while stack:
                    for item in stack[-1]:
                        if isinstance(item, list):
                            stack.append(iter(item))
                            break
                        out.append(item)
                    else:
                        stack.pop()
                return out
            """,
        ),
        (
            """
            def flatten(items: list) -> list:
                out = []
                for item in items:
                    out += item if isinstance(item, list) else [item]
                return out
            """,
            """
            def flatten(items: list) -> list:
                out = []
                for item in items:
                    if isinstance(item, list):
                        out = flatten(item) + out
                    else:
                        out.append(item)
                return out
            """,
        ),
        [([1, [2, 3]],), ([[1, [2]], 3],)],
        [
            ([],),
            ([[], [[]]],),
            ([1, 2],),
            ([[[[5]]]],),
            ([1, [2, [3, [4, [5]]]], 6],),
            ([[1, 2], [3], 4, [[5], 6]],),
        ],
    ),
    Function(
        "second_largest",
        "lists",
        "easy",
        "(numbers: list[int]) -> int | None",
        "Return the second largest of the different values in numbers, or None if there are\n"
        "fewer than two different values.",
        (
            """
            def second_largest(numbers: list[int]) -> int | None:
                values = sorted(set(numbers))
                return values[-2] if len(values) > 1 else None
            """,
        ),
        (
            """
            def second_largest(numbers: list[int]) -> int | None:
                return sorted(numbers)[-2] if len(numbers) > 1 else None
            """,
            """
            def second_largest(numbers: list[int]) -> int | None:
                best = second = 0
                for number in numbers:
                    if number > best:
                        best, second = number, best
                    elif best > number > second:
                        second = number
                return second if len(set(numbers)) > 1 else None
            """,
        ),
        [([3, 1, 4, 1, 5],), ([7, 7],)],
        [([],), ([2],), ([9, 9, 8],), ([-1, -5, -3],), ([0, -2],), ([1, 2, 3, 3],), ([5, 5, 5],)],
        split="test",
    ),
    Function(
        "merge_sorted",
        "lists",
        "easy",
        "(left: list[int], right: list[int]) -> list[int]",
        "left and right are sorted in ascending order. Return one ascending list with all the\n"
        "items of both, equal ones included.",
        (
            """
            def merge_sorted(left: list[int], right: list[int]) -> list[int]:
                out, i, j = [], 0, 0
                while i < len(left) and j < len(right):
                    if left[i] <= right[j]:
                        out.append(left[i])
                        i += 1
                    else:
                        out.append(right[j])
                        j += 1
                return out + left[i:] + right[j:]
            """,
            """
            def merge_sorted(left: list[int], right: list[int]) -> list[int]:
                return sorted(left + right)
            """,
        ),
        (
            """
            def merge_sorted(left: list[int], right: list[int]) -> list[int]:
                return sorted(set(left) | set(right))
            """,
            """
            def merge_sorted(left: list[int], right: list[int]) -> list[int]:
                out = []
                while left and right:
                    side = left if left[0] <= right[0] else right
                    out.append(side[0])
                    if side is left:
                        left = left[1:]
                    else:
                        right = right[1:]
                return out
            """,
        ),
        [([1, 4], [2, 3]), ([1], [1, 2])],
        [
            ([], []),
            ([], [3]),
            ([1, 2, 3], []),
            ([-5, 0, 5], [-6, 6]),
            ([2, 2], [2]),
            ([10], [1, 2, 3]),
        ],
    ),
    Function(
        "move_zeros",
        "lists",
        "easy",
        "(numbers: list[int]) -> list[int]",
        "Return numbers with all the zeros moved to the end; the other numbers keep their order.",
        (
            """
            def move_zeros(numbers: list[int]) -> list[int]:
                kept = [n for n in numbers if n != 0]
                return kept + [0] * (len(numbers) - len(kept))
            """,
            """
            def move_zeros(numbers: list[int]) -> list[int]:
                return sorted(numbers, key=lambda n: n == 0)
            """,
        ),
        (
            """
            def move_zeros(numbers: list[int]) -> list[int]:
                return sorted(numbers, reverse=True)
            """,
            """
            def move_zeros(numbers: list[int]) -> list[int]:
                out = list(numbers)
                for number in out:
                    if number == 0:
                        out.remove(0)
                return out + [0] * (len(numbers) - len(out) - 1)
            """,
        ),
        [([0, 1, 0, 3],), ([2, 1],)],
        [
            ([],),
            ([0],),
            ([0, 0, 5],),
            ([-1, 0, -2],),
            ([4, 0, 0, 0, 4],),
            ([1, 2, 3, 0],),
            ([0, 7, 8, 0, 0],),
        ],
    ),
    Function(
        "transpose",
        "lists",
        "easy",
        "(rows: list[list[int]]) -> list[list[int]]",
        "rows is a table; all its rows have the same length. Return the table with rows and\n"
        "columns exchanged. An empty table stays empty.",
        (
            """
            def transpose(rows: list[list[int]]) -> list[list[int]]:
                return [list(column) for column in zip(*rows)]
            """,
            """
            def transpose(rows: list[list[int]]) -> list[list[int]]:
                if not rows:
                    return []
                return [[row[i] for row in rows] for i in range(len(rows[0]))]
            """,
        ),
        (
            """
            def transpose(rows: list[list[int]]) -> list[list[int]]:
                return [row[::-1] for row in rows]
            """,
            """
            def transpose(rows: list[list[int]]) -> list[list[int]]:
                n = len(rows)
                return [[rows[j][i] for j in range(n)] for i in range(n)]
            """,
        ),
        [([[1, 2], [3, 4]],), ([[1, 2, 3]],)],
        [
            ([],),
            ([[7]],),
            ([[1], [2], [3]],),
            ([[1, 2, 3], [4, 5, 6]],),
            ([[0, 0], [1, 1]],),
            ([[1, 2], [3, 4], [5, 6]],),
        ],
    ),
    Function(
        "chunks",
        "lists",
        "easy",
        "(items: list, size: int) -> list[list]",
        "Cut items into pieces of size items each, in order; the last piece may be shorter.\n"
        "size is at least 1.",
        (
            """
            def chunks(items: list, size: int) -> list[list]:
                return [items[i : i + size] for i in range(0, len(items), size)]
            """,
        ),
        (
            """
            def chunks(items: list, size: int) -> list[list]:
                return [items[i * size : (i + 1) * size] for i in range(len(items) // size)]
            """,
            """
            def chunks(items: list, size: int) -> list[list]:
                return [items[i::size] for i in range(size)]
            """,
        ),
        [([1, 2, 3, 4, 5], 2), (["a", "b"], 1)],
        [
            ([], 3),
            ([1], 4),
            ([1, 2, 3, 4], 2),
            ([1, 2, 3, 4, 5, 6, 7], 3),
            ([0, 0], 2),
            ([9, 8, 7], 1),
        ],
        split="test",
    ),
)
