"""Functions that need an idea: parsing, simulation, greedy choice, dynamic programming."""

from .problem import Function

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Function(
        "balanced",
        "parsing",
        "medium",
        "(text: str) -> bool",
        "Return True if the brackets (), [] and {} in text are closed in the right order, else\n"
        "False. Other characters are ignored.",
        (
            """
            def balanced(text: str) -> bool:
                pairs, stack = {")": "(", "]": "[", "}": "{"}, []
                for c in text:
                    if c in "([{":
                        stack.append(c)
                    elif c in pairs and (not stack or stack.pop() != pairs[c]):
                        return False
                return not stack
            """,
            """
            def balanced(text: str) -> bool:
                kept = "".join(c for c in text if c in "()[]{}")
                while "()" in kept or "[]" in kept or "{}" in kept:
                    kept = kept.replace("()", "").replace("[]", "").replace("{}", "")
                return kept == ""
            """,
        ),
        (
            """
            def balanced(text: str) -> bool:
                return all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))
            """,
            """
            def balanced(text: str) -> bool:
                pairs, stack = {")": "(", "]": "[", "}": "{"}, []
                for c in text:
                    if c in "([{":
                        stack.append(c)
                    elif c in pairs and (not stack or stack.pop() != pairs[c]):
                        return False
                return True
            """,
        ),
        [("(a[b])",), ("(]",)],
        [("",), ("((",), ("([)]",), ("}{",), ("no brackets",), ("{[()]}()",), (")(",), ("[",)],
    ),
    Function(
        "parse_time",
        "parsing",
        "easy",
        "(text: str) -> int",
        'text is a duration such as "2h05m", "40m", "1h" or "90s": hours, minutes and seconds,\n'
        "in this order, each part optional, at least one present. Return it in seconds.",
        (
            """
            def parse_time(text: str) -> int:
                total, number = 0, ""
                for c in text:
                    if c.isdigit():
                        number += c
                    else:
                        total += int(number) * {"h": 3600, "m": 60, "s": 1}[c]
                        number = ""
                return total
            """,
            r"""
            import re


            def parse_time(text: str) -> int:
                unit = {"h": 3600, "m": 60, "s": 1}
                return sum(int(n) * unit[u] for n, u in re.findall(r"(\d+)([hms])", text))
            """,
        ),
        (
            """
            def parse_time(text: str) -> int:
                return int(text[:-1]) * {"h": 3600, "m": 60, "s": 1}[text[-1]]
            """,
            """
            def parse_time(text: str) -> int:
                total, number = 0, 0
                for c in text:
                    if c.isdigit():
                        number = int(c)
                    else:
                        total += number * {"h": 3600, "m": 60, "s": 1}[c]
                return total
            """,
        ),
        [("2h05m",), ("90s",)],
        [("1h",), ("40m",), ("1h1m1s",), ("0s",), ("100h",), ("3h59s",), ("10m30s",)],
    ),
    Function(
        "evaluate_postfix",
        "parsing",
        "medium",
        "(expression: str) -> int",
        "expression is in postfix order: whole numbers and the operators + - * separated by\n"
        "spaces; an operator takes the two values before it. Return its value.",
        (
            """
            def evaluate_postfix(expression: str) -> int:
                stack = []
                for token in expression.split():
                    if token in ("+", "-", "*"):
                        b, a = stack.pop(), stack.pop()
                        stack.append(a + b if token == "+" else a - b if token == "-" else a * b)
                    else:
                        stack.append(int(token))
                return stack[0]
            """,
        ),
        (
            """
            def evaluate_postfix(expression: str) -> int:
                stack = []
                for token in expression.split():
                    if token in ("+", "-", "*"):
                        a, b = stack.pop(), stack.pop()
                        stack.append(a + b if token == "+" else a - b if token == "-" else a * b)
                    else:
                        stack.append(int(token))
                return stack[0]
            """,
            """
            def evaluate_postfix(expression: str) -> int:
                stack = []
                for token in expression.split():
                    if token.isdigit():
                        stack.append(int(token))
                    elif len(stack) > 1:
                        b, a = stack.pop(), stack.pop()
                        stack.append(a + b if token == "+" else a - b if token == "-" else a * b)
                return stack[0]
            """,
        ),
        [("2 3 +",), ("7 2 - 3 *",)],
        [("5",), ("-4",), ("1 2 3 * -",), ("10 -3 +",), ("2 3 4 + *",), ("1 2 - 3 - 4 -",)],
    ),
    Function(
        "robot_position",
        "simulation",
        "easy",
        "(moves: str) -> tuple[int, int]",
        "A robot stands at (0, 0). U, D, L and R move it one step up (y + 1), down (y - 1),\n"
        "left (x - 1) and right (x + 1); other characters do nothing. Return its last position\n"
        "(x, y).",
        (
            """
            def robot_position(moves: str) -> tuple[int, int]:
                x = moves.count("R") - moves.count("L")
                return x, moves.count("U") - moves.count("D")
            """,
            """
            def robot_position(moves: str) -> tuple[int, int]:
                steps = {"U": (0, 1), "D": (0, -1), "L": (-1, 0), "R": (1, 0)}
                x = y = 0
                for move in moves:
                    dx, dy = steps.get(move, (0, 0))
                    x, y = x + dx, y + dy
                return x, y
            """,
        ),
        (
            """
            def robot_position(moves: str) -> tuple[int, int]:
                x = moves.count("R") - moves.count("L")
                return x, moves.count("D") - moves.count("U")
            """,
            """
            def robot_position(moves: str) -> tuple[int, int]:
                x = moves.count("R") - moves.count("L")
                return moves.count("U") - moves.count("D"), x
            """,
        ),
        [("UUR",), ("LLDX",)],
        [("",), ("UDLR",), ("RRRR",), ("DDD",), ("uU",), ("LULU",)],
        split="test",
    ),
    Function(
        "life_step",
        "simulation",
        "hard",
        "(grid: list[list[int]]) -> list[list[int]]",
        "grid is a board of the Game of Life: 1 is a live cell, 0 a dead one; outside of it all\n"
        "is dead. Each cell has up to 8 neighbours. A live cell with 2 or 3 live neighbours\n"
        "lives on; a dead cell with exactly 3 becomes alive; all others are dead. Return the\n"
        "board one step on.",
        (
            """
            def life_step(grid: list[list[int]]) -> list[list[int]]:
                def alive(r, c):
                    return 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c]

                out = []
                for r in range(len(grid)):
                    row = []
                    for c in range(len(grid[0])):
                        near = sum(
                            bool(alive(r + i, c + j))
                            for i in (-1, 0, 1)
                            for j in (-1, 0, 1)
                            if i or j
                        )
                        row.append(int(near == 3 or (near == 2 and grid[r][c] == 1)))
                    out.append(row)
                return out
            """,
        ),
        (
            """
            def life_step(grid: list[list[int]]) -> list[list[int]]:
                out = [row[:] for row in grid]
                for r in range(len(grid)):
                    for c in range(len(grid[0])):
                        near = sum(
                            out[(r + i) % len(grid)][(c + j) % len(grid[0])]
                            for i in (-1, 0, 1)
                            for j in (-1, 0, 1)
                            if i or j
                        )
                        out[r][c] = int(near == 3 or (near == 2 and out[r][c] == 1))
                return out
            """,
            """
            def life_step(grid: list[list[int]]) -> list[list[int]]:
                h, w = len(grid), len(grid[0])
                out = [[0] * w for _ in range(h)]
                for r in range(h):
                    for c in range(w):
                        near = sum(
                            grid[(r + i) % h][(c + j) % w]
                            for i in (-1, 0, 1)
                            for j in (-1, 0, 1)
                            if i or j
                        )
                        out[r][c] = int(near == 3 or (near == 2 and grid[r][c] == 1))
                return out
            """,
        ),
        [([[0, 1, 0], [0, 1, 0], [0, 1, 0]],), ([[1, 1], [1, 1]],)],
        [
            ([[1]],),
            ([[0, 0], [0, 0]],),
            ([[1, 1, 0], [1, 0, 0], [0, 0, 0]],),
            ([[1, 1, 1], [1, 1, 1], [1, 1, 1]],),
            ([[1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1]],),
            ([[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]],),
            ([[1, 1, 1, 0]],),
        ],
    ),
    Function(
        "fewest_coins",
        "dynamic programming",
        "medium",
        "(coins: list[int], amount: int) -> int",
        "There are as many coins as needed of each value in coins. Return the least number of\n"
        "coins that make up amount, or -1 if none do. amount is at least 0.",
        (
            """
            def fewest_coins(coins: list[int], amount: int) -> int:
                best = [0] + [amount + 1] * amount
                for total in range(1, amount + 1):
                    for coin in coins:
                        if coin <= total:
                            best[total] = min(best[total], best[total - coin] + 1)
                return best[amount] if best[amount] <= amount else -1
            """,
        ),
        (
            """
            def fewest_coins(coins: list[int], amount: int) -> int:
                used = 0
                for coin in sorted(coins, reverse=True):
                    used += amount // coin
                    amount %= coin
                return used if amount == 0 else -1
            """,
            """
            def fewest_coins(coins: list[int], amount: int) -> int:
                best = [0] + [amount + 1] * amount
                for total in range(1, amount + 1):
                    for coin in coins:
                        if coin <= total:
                            best[total] = min(best[total], best[total - coin] + 1)
                return best[amount]
            """,
        ),
        [([1, 5, 10], 17), ([2], 3)],
        [
            ([1, 3, 4], 6),
            ([5], 0),
            ([7, 5], 24),
            ([9, 6, 1], 30),
            ([3, 7], 5),
            ([1], 12),
            ([2, 5, 10], 27),
        ],
    ),
    Function(
        "longest_rising",
        "dynamic programming",
        "medium",
        "(numbers: list[int]) -> int",
        "Return the length of the longest strictly rising subsequence of numbers. A subsequence\n"
        "keeps the order but may leave items out.",
        (
            """
            from bisect import bisect_left


            def longest_rising(numbers: list[int]) -> int:
                tails = []
                for number in numbers:
                    at = bisect_left(tails, number)
                    tails[at : at + 1] = [number]
                return len(tails)
            """,
            """
            def longest_rising(numbers: list[int]) -> int:
                best = []
                for i, number in enumerate(numbers):
                    before = [best[j] for j in range(i) if numbers[j] < number]
                    best.append(1 + max(before, default=0))
                return max(best, default=0)
            """,
        ),
        (
            """
            def longest_rising(numbers: list[int]) -> int:
                best = run = min(1, len(numbers))
                for a, b in zip(numbers, numbers[1:]):
                    run = run + 1 if b > a else 1
                    best = max(best, run)
                return best
            """,
            """
            from bisect import bisect_right


            def longest_rising(numbers: list[int]) -> int:
                tails = []
                for number in numbers:
                    at = bisect_right(tails, number)
                    tails[at : at + 1] = [number]
                return len(tails)
            """,
        ),
        [([3, 1, 2, 5, 4],), ([4, 3, 2],)],
        [
            ([],),
            ([1],),
            ([2, 2, 2],),
            ([1, 9, 2, 8, 3],),
            ([-3, -2, -1],),
            ([5, 1, 5, 2, 5, 3],),
            ([10, 9, 2, 5, 3, 7, 101, 18],),
        ],
    ),
    Function(
        "edit_distance",
        "dynamic programming",
        "hard",
        "(first: str, second: str) -> int",
        "Return the least number of steps that turn first into second. A step inserts, deletes\n"
        "or replaces one character.",
        (
            """
            def edit_distance(first: str, second: str) -> int:
                row = list(range(len(second) + 1))
                for i, a in enumerate(first, 1):
                    new = [i]
                    for j, b in enumerate(second, 1):
                        new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
                    row = new
                return row[-1]
            """,
        ),
        (
            """
            def edit_distance(first: str, second: str) -> int:
                differ = sum(a != b for a, b in zip(first, second))
                return differ + abs(len(first) - len(second))
            """,
            """
            def edit_distance(first: str, second: str) -> int:
                row = list(range(len(second) + 1))
                for i, a in enumerate(first, 1):
                    new = [i]
                    for j, b in enumerate(second, 1):
                        new.append(row[j - 1] if a == b else min(row[j] + 1, new[-1] + 1))
                    row = new
                return row[-1]
            """,
        ),
        [("kitten", "sitting"), ("ab", "ab")],
        [
            ("", ""),
            ("", "abc"),
            ("abc", ""),
            ("abcd", "bcde"),
            ("flaw", "lawn"),
            ("a", "b"),
            ("intention", "execution"),
        ],
        split="test",
    ),
    Function(
        "most_meetings",
        "greedy",
        "medium",
        "(meetings: list[tuple[int, int]]) -> int",
        "Each meeting is (start, end) with start < end. One may attend a meeting that starts\n"
        "when another ends, but never two at the same time. Return the largest number of\n"
        "meetings that one person can attend from start to end.",
        (
            """
            def most_meetings(meetings: list[tuple[int, int]]) -> int:
                count, free = 0, None
                for start, end in sorted(meetings, key=lambda m: m[1]):
                    if free is None or start >= free:
                        count, free = count + 1, end
                return count
            """,
        ),
        (
            """
            def most_meetings(meetings: list[tuple[int, int]]) -> int:
                count, free = 0, None
                for start, end in sorted(meetings):
                    if free is None or start >= free:
                        count, free = count + 1, end
                return count
            """,
            """
            def most_meetings(meetings: list[tuple[int, int]]) -> int:
                count, free = 0, None
                for start, end in sorted(meetings, key=lambda m: m[1]):
                    if free is None or start > free:
                        count, free = count + 1, end
                return count
            """,
        ),
        [([(1, 3), (2, 4), (3, 5)],), ([(0, 10), (1, 2)],)],
        [
            ([],),
            ([(5, 6)],),
            ([(0, 9), (1, 2), (2, 3), (3, 4)],),
            ([(1, 4), (1, 4)],),
            ([(-3, -1), (-1, 0), (-2, 5)],),
            ([(1, 10), (2, 3), (4, 5), (6, 7), (5, 6)],),
        ],
    ),
    Function(
        "best_sale",
        "greedy",
        "easy",
        "(prices: list[int]) -> int",
        "prices holds the price of a thing on each day. Buy on one day and sell on a later one.\n"
        "Return the largest possible profit, or 0 if none is possible.",
        (
            """
            def best_sale(prices: list[int]) -> int:
                best, low = 0, None
                for price in prices:
                    low = price if low is None else min(low, price)
                    best = max(best, price - low)
                return best
            """,
            """
            def best_sale(prices: list[int]) -> int:
                days = range(len(prices))
                return max((prices[j] - prices[i] for i in days for j in days[i:]), default=0)
            """,
        ),
        (
            """
            def best_sale(prices: list[int]) -> int:
                return max(prices, default=0) - min(prices, default=0)
            """,
            """
            def best_sale(prices: list[int]) -> int:
                return sum(max(0, b - a) for a, b in zip(prices, prices[1:]))
            """,
        ),
        [([3, 1, 5],), ([5, 4],)],
        [([],), ([7],), ([9, 1, 2, 8, 0],), ([1, 5, 2, 6],), ([2, 2],), ([10, 7, 4, 6, 3, 8],)],
    ),
)
