"""Programs that read text, tables and commands."""

from .problem import Program

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Program(
        "reverse_lines",
        "strings",
        "easy",
        "Print the lines of the input in reverse order, each one as it is.",
        (
            """
            import sys

            for line in reversed(sys.stdin.read().splitlines()):
                print(line)
            """,
        ),
        (
            """
            import sys

            for line in sys.stdin.read().splitlines():
                print(line[::-1])
            """,
            """
            import sys

            for line in sorted(sys.stdin.read().splitlines(), reverse=True):
                print(line)
            """,
        ),
        ["one\ntwo\nthree\n", "single\n"],
        ["b\na\nc\n", "ab\ncd\n", "1\n2\n3\n4\n5\n", "x y\nz\n", "same\nsame\nend\n", "z\na\n"],
    ),
    Program(
        "count_letters",
        "strings",
        "easy",
        "The input is one line of text. For each letter from a to z that is in it, in upper or\n"
        "lower case, print a line with the small letter and how many there are, in alphabetical\n"
        "order. Other characters are ignored. Print `none` if there is no letter.",
        (
            """
            text = input().lower()
            found = False
            for letter in "abcdefghijklmnopqrstuvwxyz":
                if letter in text:
                    print(letter, text.count(letter))
                    found = True
            if not found:
                print("none")
            """,
            """
            from collections import Counter

            counts = Counter(c for c in input().lower() if "a" <= c <= "z")
            lines = [f"{letter} {counts[letter]}" for letter in sorted(counts)]
            print("\\n".join(lines) or "none")
            """,
        ),
        (
            """
            from collections import Counter

            for letter, count in sorted(Counter(input().replace(" ", "")).items()):
                print(letter, count)
            """,
            """
            text = input().lower()
            for letter in dict.fromkeys(c for c in text if c.isalpha()):
                print(letter, text.count(letter))
            """,
        ),
        ["Hello\n", "a b A\n"],
        ["123\n", "zebra\n", "Mississippi River\n", "x\n", "AaBb, bB!\n", "the end.\n"],
    ),
    Program(
        "align_right",
        "strings",
        "easy",
        "The first line holds a number n, at least 1; n words follow, one per line. Print them\n"
        "one per line, each with dots before it so that all lines are as long as the longest\n"
        "word.",
        (
            """
            words = [input() for _ in range(int(input()))]
            width = max(map(len, words))
            for word in words:
                print(word.rjust(width, "."))
            """,
        ),
        (
            """
            words = [input() for _ in range(int(input()))]
            width = max(map(len, words))
            for word in words:
                print(word.ljust(width, "."))
            """,
            """
            words = [input() for _ in range(int(input()))]
            width = len(words[0])
            for word in words:
                print(word.rjust(width, "."))
            """,
        ),
        ["3\na\nabc\nab\n", "1\nword\n"],
        [
            "2\nlonger\nx\n",
            "2\nx\nlonger\n",
            "3\nab\ncd\nef\n",
            "4\n1\n22\n333\n4444\n",
            "2\nred\ngreen\n",
            "3\nz\nz\nyy\n",
        ],
    ),
    Program(
        "pig_words",
        "strings",
        "medium",
        "The input is one line of words in small letters, separated by single spaces. Change\n"
        "each word: if it begins with a vowel (a, e, i, o, u), add `way`; else move all letters\n"
        "before its first vowel to the end and add `ay`; a word without a vowel only gets `ay`.\n"
        "Print the new line.",
        (
            """
            def change(word):
                for i, letter in enumerate(word):
                    if letter in "aeiou":
                        return word + "way" if i == 0 else word[i:] + word[:i] + "ay"
                return word + "ay"


            print(" ".join(change(word) for word in input().split()))
            """,
        ),
        (
            """
            def change(word):
                return word + "way" if word[0] in "aeiou" else word[1:] + word[0] + "ay"


            print(" ".join(change(word) for word in input().split()))
            """,
            """
            def change(word):
                for i, letter in enumerate(word):
                    if letter in "aeiou":
                        return word[i:] + word[:i] + "ay"
                return word + "ay"


            print(" ".join(change(word) for word in input().split()))
            """,
        ),
        ["apple pie\n", "stone\n"],
        ["rhythm\n", "a\n", "the quick fox\n", "i am\n", "string myth\n", "ocean blue eye\n"],
        split="test",
    ),
    Program(
        "vote_count",
        "dicts",
        "easy",
        "Each line of the input is a vote, the name of a candidate. Print the names with their\n"
        "numbers of votes, `name: votes`, most votes first, equal ones in alphabetical order.",
        (
            """
            import sys
            from collections import Counter

            counts = Counter(line.strip() for line in sys.stdin)
            for name, votes in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
                print(f"{name}: {votes}")
            """,
        ),
        (
            """
            import sys
            from collections import Counter

            for name, votes in Counter(line.strip() for line in sys.stdin).most_common():
                print(f"{name}: {votes}")
            """,
            """
            import sys
            from collections import Counter

            for name, votes in sorted(Counter(line.strip() for line in sys.stdin).items()):
                print(f"{name}: {votes}")
            """,
        ),
        ["Ada\nBo\nAda\n", "Cy\nBo\n"],
        [
            "Zed\n",
            "b\na\nb\na\n",
            "Bo\nAda\nAda\nBo\nCy\nCy\nCy\n",
            "d\nc\nb\na\n",
            "Ann Lee\nBob\nAnn Lee\n",
            "x\ny\ny\nx\nz\n",
        ],
    ),
    Program(
        "phone_book",
        "dicts",
        "medium",
        "Each line of the input is a command: `set NAME NUMBER` stores a number, over an\n"
        "earlier one of that name; `get NAME` prints the number of that name or `unknown`;\n"
        "`drop NAME` removes the name if it is there.",
        (
            """
            import sys

            book = {}
            for line in sys.stdin:
                words = line.split()
                if words[0] == "set":
                    book[words[1]] = words[2]
                elif words[0] == "get":
                    print(book.get(words[1], "unknown"))
                else:
                    book.pop(words[1], None)
            """,
        ),
        (
            """
            import sys

            book = {}
            for line in sys.stdin:
                words = line.split()
                if words[0] == "set":
                    book.setdefault(words[1], words[2])
                elif words[0] == "get":
                    print(book.get(words[1], "unknown"))
                else:
                    book.pop(words[1], None)
            """,
            """
            import sys

            book = {}
            for line in sys.stdin:
                words = line.split()
                if words[0] == "set":
                    book[words[1]] = words[2]
                elif words[0] == "get":
                    print(book.get(words[1], "unknown"))
            """,
            """
            import sys

            book = {}
            for line in sys.stdin:
                words = line.split()
                if words[0] == "set":
                    book[words[1]] = words[2]
                elif words[0] == "get":
                    print(book[words[1]])
                else:
                    del book[words[1]]
            """,
        ),
        ["set ann 12\nget ann\nget bob\n", "set a 1\nset a 2\nget a\n"],
        [
            "get x\n",
            "set x 5\ndrop x\nget x\n",
            "drop y\nget y\n",
            "set a 1\nset b 2\nget b\nget a\n",
            "set a 007\nget a\nget a\n",
            "set a 1\ndrop a\nset a 9\nget a\nset a 8\nget a\n",
        ],
    ),
    Program(
        "unique_words",
        "sets",
        "easy",
        "The input is text on any number of lines. Words are separated by spaces and line ends;\n"
        "case is ignored. Print how many different words there are.",
        (
            """
            import sys

            print(len(set(sys.stdin.read().lower().split())))
            """,
        ),
        (
            """
            print(len(set(input().lower().split())))
            """,
            """
            import sys

            print(len(set(sys.stdin.read().split())))
            """,
            """
            import sys

            print(len(sys.stdin.read().lower().split()))
            """,
        ),
        ["a b a\n", "One\none two\n"],
        [
            "word\n",
            "x\ny\nz\n",
            "To be or\nnot to be\n",
            "A a A a\n",
            "  many   spaces  \n",
            "p q\nr s\n",
        ],
    ),
    Program(
        "add_up_bill",
        "parsing",
        "medium",
        "Each line of the input is `article,count,price`: the name, a whole number and the\n"
        "price of one piece in cents. Print the whole sum in the form `total: 12.05`, with two\n"
        "digits for the cents.",
        (
            """
            import sys

            total = 0
            for line in sys.stdin:
                _, count, price = line.strip().split(",")
                total += int(count) * int(price)
            print(f"total: {total // 100}.{total % 100:02d}")
            """,
            """
            import csv
            import sys

            total = sum(int(count) * int(price) for _, count, price in csv.reader(sys.stdin))
            print(f"total: {total / 100:.2f}")
            """,
        ),
        (
            """
            import sys

            total = 0
            for line in sys.stdin:
                _, count, price = line.strip().split(",")
                total += int(count) * int(price)
            print(f"total: {total // 100}.{total % 100}")
            """,
            """
            import sys

            total = 0
            for line in sys.stdin:
                _, count, price = line.strip().split(",")
                total += int(price)
            print(f"total: {total / 100:.2f}")
            """,
        ),
        ["tea,2,250\ncake,1,305\n", "pen,1,99\n"],
        [
            "a,1,100\n",
            "free,5,0\n",
            "x,3,35\ny,2,50\n",
            "gold,10,123456\n",
            "one,1,1\n",
            "big bag,4,251\nink,2,3\n",
        ],
        split="test",
    ),
    Program(
        "clock_add",
        "parsing",
        "easy",
        "The first line is a time of day `hh:mm` on a 24-hour clock, the second a whole number\n"
        "of minutes, which may be negative or longer than a day. Print the time after so many\n"
        "minutes, in the same form.",
        (
            """
            hours, minutes = map(int, input().split(":"))
            total = (hours * 60 + minutes + int(input())) % 1440
            print(f"{total // 60:02d}:{total % 60:02d}")
            """,
        ),
        (
            """
            hours, minutes = map(int, input().split(":"))
            total = hours * 60 + minutes + int(input())
            print(f"{total // 60:02d}:{total % 60:02d}")
            """,
            """
            hours, minutes = map(int, input().split(":"))
            total = (hours * 60 + minutes + int(input())) % 1440
            print(f"{total // 60}:{total % 60}")
            """,
        ),
        ["09:30\n45\n", "23:59\n1\n"],
        [
            "00:00\n-1\n",
            "12:00\n0\n",
            "05:05\n3000\n",
            "18:20\n-2000\n",
            "00:00\n1440\n",
            "01:01\n61\n",
        ],
    ),
    Program(
        "calculator",
        "parsing",
        "hard",
        "Each line of the input is an expression of whole numbers, + - * and parentheses, with\n"
        "or without spaces. * binds before + and -; equal operators go from left to right.\n"
        "Print the value of each, one per line. Every number is written without a sign.",
        (
            """
            import re
            import sys


            def expression(tokens):
                value = term(tokens)
                while tokens and tokens[0] in "+-":
                    value += term(tokens) if tokens.pop(0) == "+" else -term(tokens)
                return value


            def term(tokens):
                value = factor(tokens)
                while tokens and tokens[0] == "*":
                    tokens.pop(0)
                    value *= factor(tokens)
                return value


            def factor(tokens):
                token = tokens.pop(0)
                if token != "(":
                    return int(token)
                value = expression(tokens)
                tokens.pop(0)
                return value


            for line in sys.stdin:
                print(expression(re.findall("[0-9]+|[-+*()]", line)))
            """,
        ),
        (
            """
            import re
            import sys

            for line in sys.stdin:
                tokens = re.findall("[0-9]+|[-+*]", line)
                value = int(tokens[0])
                for operator, number in zip(tokens[1::2], map(int, tokens[2::2])):
                    if operator == "+":
                        value += number
                    elif operator == "-":
                        value -= number
                    else:
                        value *= number
                print(value)
            """,
            """
            import re
            import sys


            def expression(tokens):
                value = term(tokens)
                if tokens and tokens[0] in "+-":
                    return value + (1 if tokens.pop(0) == "+" else -1) * expression(tokens)
                return value


            def term(tokens):
                value = factor(tokens)
                while tokens and tokens[0] == "*":
                    tokens.pop(0)
                    value *= factor(tokens)
                return value


            def factor(tokens):
                token = tokens.pop(0)
                if token != "(":
                    return int(token)
                value = expression(tokens)
                tokens.pop(0)
                return value


            for line in sys.stdin:
                print(expression(re.findall("[0-9]+|[-+*()]", line)))
            """,
        ),
        ["1 + 2 * 3\n", "(1+2)*3\n10-4-3\n"],
        [
            "7\n",
            "2*(3+4)*5\n",
            "((2))\n1-1\n",
            "100 - 10 * 10 - 1\n",
            "(8-(3-2))*2\n",
            "0*9+1\n",
            "12-3+4\n",
        ],
    ),
    Program(
        "bank",
        "simulation",
        "easy",
        "An account begins with 0. Each line of the input is `in AMOUNT` or `out AMOUNT` with a\n"
        "whole amount above 0. A withdrawal larger than the balance is refused: print\n"
        "`refused`. At the end print the balance.",
        (
            """
            import sys

            balance = 0
            for line in sys.stdin:
                kind, amount = line.split()
                if kind == "in":
                    balance += int(amount)
                elif int(amount) > balance:
                    print("refused")
                else:
                    balance -= int(amount)
            print(balance)
            """,
        ),
        (
            """
            import sys

            balance = 0
            for line in sys.stdin:
                kind, amount = line.split()
                if kind == "in":
                    balance += int(amount)
                elif int(amount) >= balance:
                    print("refused")
                else:
                    balance -= int(amount)
            print(balance)
            """,
            """
            import sys

            balance = 0
            for line in sys.stdin:
                kind, amount = line.split()
                if kind == "out" and int(amount) > balance:
                    print("refused")
                balance += int(amount) if kind == "in" else -int(amount)
            print(balance)
            """,
        ),
        ["in 10\nout 4\n", "in 5\nout 9\nout 1\n"],
        [
            "in 7\nout 7\n",
            "out 1\n",
            "in 1\nin 2\nin 3\n",
            "out 5\nin 5\nout 5\nout 5\n",
            "in 1000000000000\nout 1\n",
            "in 3\nout 2\nout 2\nout 1\n",
        ],
    ),
    Program(
        "shortest_path",
        "simulation",
        "hard",
        "The input is a map of lines of equal length: `#` is a wall, `.` is free, `S` the start\n"
        "and `E` the end. One moves up, down, left or right by one field. Print the least\n"
        "number of moves from S to E, or -1 if there is no way.",
        (
            """
            import sys
            from collections import deque

            grid = sys.stdin.read().split()
            places = {
                (r, c): field
                for r, row in enumerate(grid)
                for c, field in enumerate(row)
                if field != "#"
            }
            start = next(place for place, field in places.items() if field == "S")
            far, queue, answer = {start: 0}, deque([start]), -1
            while queue:
                r, c = queue.popleft()
                if places[r, c] == "E":
                    answer = far[r, c]
                    break
                for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                    if near in places and near not in far:
                        far[near] = far[r, c] + 1
                        queue.append(near)
            print(answer)
            """,
        ),
        (
            """
            import sys

            grid = sys.stdin.read().split()
            at = {f: (r, c) for r, row in enumerate(grid) for c, f in enumerate(row)}
            (a, b), (c, d) = at["S"], at["E"]
            print(abs(a - c) + abs(b - d))
            """,
            """
            import sys

            grid = sys.stdin.read().split()
            places = {
                (r, c): field
                for r, row in enumerate(grid)
                for c, field in enumerate(row)
                if field != "#"
            }
            start = next(place for place, field in places.items() if field == "S")
            far, stack, answer = {start: 0}, [start], -1
            while stack:
                r, c = stack.pop()
                if places[r, c] == "E":
                    answer = far[r, c]
                    break
                for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                    if near in places and near not in far:
                        far[near] = far[r, c] + 1
                        stack.append(near)
            print(answer)
            """,
        ),
        ["S.E\n", "S#E\n...\n"],
        [
            "SE\n",
            "S#E\n",
            "S..\n.#.\n..E\n",
            "S.#E\n..#.\n....\n",
            "#####\n#S#E#\n#.#.#\n#...#\n#####\n",
            "....\n.SE.\n....\n",
            "E...S\n.....\n.....\n",
            "..S\n...\n..E\n",
        ],
        split="test",
    ),
)
