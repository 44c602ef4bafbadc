"""Programs that read numbers."""

from .problem import Program

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Program(
        "sum_of_two",
        "input and output",
        "easy",
        "The input is one line with two whole numbers. Print their sum.",
        (
            """
            a, b = map(int, input().split())
            print(a + b)
            """,
            """
            import sys

            print(sum(int(word) for word in sys.stdin.read().split()))
            """,
        ),
        (
            """
            a, b = input().split()
            print(a + b)
            """,
            """
            a, b = map(int, input().split())
            print(abs(a) + abs(b))
            """,
        ),
        ["2 3\n", "-4 9\n"],
        ["0 0\n", "-5 -6\n", "1000000000000 1\n", "7 -7\n", "10 20\n", "99 1\n"],
    ),
    Program(
        "count_evens",
        "input and output",
        "easy",
        "The first line holds n (at least 0), the second n whole numbers. Print how many of\n"
        "them are even. If n is 0, the second line is empty.",
        (
            """
            n = int(input())
            numbers = list(map(int, input().split()))
            print(sum(number % 2 == 0 for number in numbers))
            """,
        ),
        (
            """
            n = int(input())
            numbers = list(map(int, input().split()))
            print(sum(number % 2 for number in numbers))
            """,
            """
            n = int(input())
            numbers = list(map(int, input().split()))
            print(sum(number % 2 == 0 and number > 0 for number in numbers))
            """,
        ),
        ["5\n1 2 3 4 5\n", "3\n-2 0 7\n"],
        ["0\n\n", "1\n9\n", "4\n2 4 6 8\n", "2\n-1 -3\n", "3\n0 0 0\n", "6\n10 11 12 13 -14 15\n"],
    ),
    Program(
        "fizz_buzz",
        "input and output",
        "easy",
        "The input is a number n, at least 1. Print the numbers from 1 to n, one per line, but\n"
        "Fizz for a multiple of 3, Buzz for a multiple of 5, and FizzBuzz for a multiple of\n"
        "both.",
        (
            """
            for i in range(1, int(input()) + 1):
                print("Fizz" * (i % 3 == 0) + "Buzz" * (i % 5 == 0) or i)
            """,
            """
            n = int(input())
            lines = []
            for i in range(1, n + 1):
                if i % 15 == 0:
                    lines.append("FizzBuzz")
                elif i % 3 == 0:
                    lines.append("Fizz")
                elif i % 5 == 0:
                    lines.append("Buzz")
                else:
                    lines.append(str(i))
            print("\\n".join(lines))
            """,
        ),
        (
            """
            for i in range(1, int(input()) + 1):
                if i % 3 == 0:
                    print("Fizz")
                elif i % 5 == 0:
                    print("Buzz")
                else:
                    print(i)
            """,
            """
            for i in range(1, int(input())):
                print("Fizz" * (i % 3 == 0) + "Buzz" * (i % 5 == 0) or i)
            """,
        ),
        ["5\n", "3\n"],
        ["1\n", "2\n", "15\n", "16\n", "30\n", "100\n"],
    ),
    Program(
        "temperature_table",
        "input and output",
        "easy",
        "Each line of the input holds a temperature in degrees Celsius, a whole number. For\n"
        "each print it in degrees Fahrenheit (nine fifths of it, plus 32) with one digit after\n"
        "the point, one per line.",
        (
            """
            import sys

            for line in sys.stdin:
                print(f"{int(line) * 9 / 5 + 32:.1f}")
            """,
        ),
        (
            """
            import sys

            for line in sys.stdin:
                print(int(line) * 9 // 5 + 32)
            """,
            """
            import sys

            for line in sys.stdin:
                print(f"{(int(line) + 32) * 9 / 5:.1f}")
            """,
        ),
        ["0\n100\n", "-40\n"],
        ["37\n", "1\n2\n3\n", "-1\n", "21\n-18\n", "1000\n", "-273\n"],
        split="test",
    ),
    Program(
        "digit_steps",
        "maths",
        "medium",
        "The input is a whole number n, at least 0. As long as n has more than one digit,\n"
        "replace it by the product of its digits. Print how many times that is done.",
        (
            """
            n, steps = input().strip(), 0
            while len(n) > 1:
                product = 1
                for digit in n:
                    product *= int(digit)
                n, steps = str(product), steps + 1
            print(steps)
            """,
            """
            from math import prod


            def steps(n):
                return 0 if n < 10 else 1 + steps(prod(map(int, str(n))))


            print(steps(int(input())))
            """,
        ),
        (
            """
            n, steps = input().strip(), 0
            while len(n) > 1:
                n, steps = str(sum(map(int, n))), steps + 1
            print(steps)
            """,
            """
            from math import prod

            n, steps = int(input()), 0
            while n > 10:
                n, steps = prod(map(int, str(n))), steps + 1
            print(steps)
            """,
        ),
        ["39\n", "7\n"],
        ["0\n", "10\n", "999\n", "77\n", "25\n", "277777788888899\n", "11\n"],
    ),
    Program(
        "collatz",
        "maths",
        "easy",
        "The input is a whole number n, at least 1. Halve n if it is even, else triple it and\n"
        "add 1; go on until it is 1. Print all the numbers on the way on one line, n and 1\n"
        "included, separated by spaces.",
        (
            """
            n = int(input())
            out = [n]
            while n != 1:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                out.append(n)
            print(*out)
            """,
        ),
        (
            """
            n = int(input())
            out = []
            while n != 1:
                out.append(n)
                n = n // 2 if n % 2 == 0 else 3 * n + 1
            print(*out)
            """,
            """
            n = int(input())
            out = [n]
            while n > 1:
                n = n // 2 if n % 2 == 0 else n + 1
                out.append(n)
            print(*out)
            """,
        ),
        ["6\n", "4\n"],
        ["1\n", "2\n", "3\n", "7\n", "16\n", "27\n"],
    ),
    Program(
        "divisor_pairs",
        "maths",
        "medium",
        "The input is a whole number n from 1 to 1000000000000. Print all ways to write n as a\n"
        "product a times b with a at most b: one line `a b` each, in ascending order of a.",
        (
            """
            n = int(input())
            a = 1
            while a * a <= n:
                if n % a == 0:
                    print(a, n // a)
                a += 1
            """,
        ),
        (
            """
            n = int(input())
            a = 1
            while a * a < n:
                if n % a == 0:
                    print(a, n // a)
                a += 1
            """,
            """
            n = int(input())
            a = 2
            while a * a <= n:
                if n % a == 0:
                    print(a, n // a)
                a += 1
            """,
        ),
        ["12\n", "7\n"],
        ["1\n", "16\n", "36\n", "97\n", "999999999989\n", "1000000\n", "2\n"],
        split="test",
    ),
    Program(
        "mean_and_median",
        "maths",
        "medium",
        "The input is one line of whole numbers, at least one. Print their mean and their\n"
        "median on one line, each with two digits after the point. The median is the middle one\n"
        "of the sorted numbers, or the mean of the two middle ones.",
        (
            """
            numbers = sorted(map(int, input().split()))
            n = len(numbers)
            median = (numbers[(n - 1) // 2] + numbers[n // 2]) / 2
            print(f"{sum(numbers) / n:.2f} {median:.2f}")
            """,
            """
            from statistics import mean, median

            numbers = [int(word) for word in input().split()]
            print(format(mean(numbers), ".2f"), format(median(numbers), ".2f"))
            """,
        ),
        (
            """
            numbers = sorted(map(int, input().split()))
            n = len(numbers)
            print(f"{sum(numbers) / n:.2f} {numbers[n // 2]:.2f}")
            """,
            """
            numbers = list(map(int, input().split()))
            n = len(numbers)
            median = (numbers[(n - 1) // 2] + numbers[n // 2]) / 2
            print(f"{sum(numbers) / n:.2f} {median:.2f}")
            """,
        ),
        ["3 1 2\n", "1 2 3 10\n"],
        ["5\n", "2 1\n", "-1 -2 -3 -4\n", "10 0 0\n", "7 7 7 7\n", "4 1 3 2 100\n", "9 1 5\n"],
    ),
    Program(
        "longest_streak",
        "lists",
        "medium",
        "The first line holds n, at least 1, the second n whole numbers, the temperatures of n\n"
        "days. Print the length of the longest run of days on which each day is warmer than the\n"
        "one before it.",
        (
            """
            n = int(input())
            days = list(map(int, input().split()))
            best = run = 1
            for a, b in zip(days, days[1:]):
                run = run + 1 if b > a else 1
                best = max(best, run)
            print(best)
            """,
        ),
        (
            """
            n = int(input())
            days = list(map(int, input().split()))
            best = run = 1
            for a, b in zip(days, days[1:]):
                run = run + 1 if b >= a else 1
                best = max(best, run)
            print(best)
            """,
            """
            n = int(input())
            days = list(map(int, input().split()))
            best = run = 1
            for a, b in zip(days, days[1:]):
                if b > a:
                    run += 1
                else:
                    best, run = max(best, run), 1
            print(best)
            """,
        ),
        ["5\n1 2 3 2 3\n", "3\n9 8 7\n"],
        [
            "1\n4\n",
            "4\n1 2 3 4\n",
            "4\n5 5 5 5\n",
            "6\n-3 -2 -1 -5 0 1\n",
            "2\n1 1\n",
            "7\n3 1 2 1 2 3 4\n",
        ],
    ),
    Program(
        "pair_with_sum",
        "lists",
        "medium",
        "The first line holds the target t, the second a list of whole numbers. Print YES if\n"
        "two of them, at different places in the list, have the sum t, else NO. The list may\n"
        "have up to 100000 numbers.",
        (
            """
            t = int(input())
            seen = set()
            found = False
            for number in map(int, input().split()):
                found = found or t - number in seen
                seen.add(number)
            print("YES" if found else "NO")
            """,
        ),
        (
            """
            t = int(input())
            numbers = set(map(int, input().split()))
            print("YES" if any(t - number in numbers for number in numbers) else "NO")
            """,
            """
            t = int(input())
            numbers = sorted(map(int, input().split()))
            print("YES" if any(a + b == t for a, b in zip(numbers, numbers[1:])) else "NO")
            """,
        ),
        ["9\n2 7 11\n", "8\n4 1\n"],
        [
            "8\n4 4\n",
            "0\n0\n",
            "5\n1 2 3 9\n",
            "-3\n-1 -2 8\n",
            "10\n1 8 5 9\n",
            "7\n\n",
            "6\n3 9 12 -1\n",
        ],
    ),
    Program(
        "table_sums",
        "lists",
        "easy",
        "The first line holds the numbers of rows r and of columns c, both at least 1; r lines\n"
        "of c whole numbers follow. Print the sums of the rows on one line, then the sums of\n"
        "the columns on the next.",
        (
            """
            r, c = map(int, input().split())
            rows = [list(map(int, input().split())) for _ in range(r)]
            print(*map(sum, rows))
            print(*map(sum, zip(*rows)))
            """,
            """
            import sys

            r, c, *values = map(int, sys.stdin.read().split())
            print(*(sum(values[i * c : (i + 1) * c]) for i in range(r)))
            print(*(sum(values[j::c]) for j in range(c)))
            """,
        ),
        (
            """
            r, c = map(int, input().split())
            rows = [list(map(int, input().split())) for _ in range(r)]
            print(*map(sum, zip(*rows)))
            print(*map(sum, rows))
            """,
            """
            r, c = map(int, input().split())
            rows = [list(map(int, input().split())) for _ in range(r)]
            print(*map(sum, rows))
            print(*(sum(rows[i][j] for i in range(r)) for j in range(min(r, c))))
            """,
        ),
        ["2 3\n1 2 3\n4 5 6\n", "1 1\n7\n"],
        [
            "1 3\n1 2 3\n",
            "3 1\n1\n2\n3\n",
            "2 2\n-1 1\n1 -1\n",
            "2 4\n0 0 0 1\n9 8 7 6\n",
            "3 2\n5 0\n0 5\n1 1\n",
            "2 2\n10 20\n30 40\n",
        ],
        split="test",
    ),
    Program(
        "stairs",
        "dynamic programming",
        "medium",
        "One climbs a stair of n steps, one, two or three steps at a time. The input is n, from\n"
        "0 to 200. Print in how many different ways that can be done; for n = 0 there is one\n"
        "way.",
        (
            """
            n = int(input())
            a, b, c = 0, 0, 1
            for _ in range(n):
                a, b, c = b, c, a + b + c
            print(c)
            """,
            """
            from functools import cache


            @cache
            def ways(n):
                return 1 if n == 0 else sum(ways(n - k) for k in (1, 2, 3) if k <= n)


            print(ways(int(input())))
            """,
        ),
        (
            """
            n = int(input())
            b, c = 0, 1
            for _ in range(n):
                b, c = c, b + c
            print(c)
            """,
            """
            n = int(input())
            ways = [1, 1, 2, 3]
            for i in range(4, n + 1):
                ways.append(ways[-1] + ways[-2] + ways[-3])
            print(ways[n])
            """,
        ),
        ["3\n", "1\n"],
        ["0\n", "2\n", "4\n", "10\n", "50\n", "200\n"],
    ),
    Program(
        "best_segment",
        "dynamic programming",
        "medium",
        "The input is one line of whole numbers, at least one. Print the largest sum of one or\n"
        "more neighbouring numbers.",
        (
            """
            numbers = list(map(int, input().split()))
            best = here = numbers[0]
            for number in numbers[1:]:
                here = max(number, here + number)
                best = max(best, here)
            print(best)
            """,
        ),
        (
            """
            numbers = list(map(int, input().split()))
            best = here = 0
            for number in numbers:
                here = max(0, here + number)
                best = max(best, here)
            print(best)
            """,
            """
            numbers = list(map(int, input().split()))
            print(sum(n for n in numbers if n > 0) or max(numbers))
            """,
        ),
        ["1 -2 3 4\n", "5\n"],
        ["-3 -1 -2\n", "0\n", "2 -1 2 -1 2\n", "-2 1 -3 4 -1 2 1 -5 4\n", "8 -9 8\n", "1 2 3\n"],
    ),
    Program(
        "fewest_boats",
        "greedy",
        "medium",
        "The first line holds the load that a boat can carry, the second the weights of the\n"
        "people, each at most that load, at least one of them. A boat carries one or two\n"
        "people. Print the least number of boats that carry all of them at once.",
        (
            """
            load = int(input())
            people = sorted(map(int, input().split()))
            i, j, boats = 0, len(people) - 1, 0
            while i <= j:
                if people[i] + people[j] <= load:
                    i += 1
                j -= 1
                boats += 1
            print(boats)
            """,
        ),
        (
            """
            load = int(input())
            people = list(map(int, input().split()))
            print(-(-sum(people) // load))
            """,
            """
            load = int(input())
            people = sorted(map(int, input().split()))
            boats = 0
            while people:
                first = people.pop(0)
                if people and first + people[0] <= load:
                    people.pop(0)
                boats += 1
            print(boats)
            """,
        ),
        ["100\n70 50 80 50\n", "10\n10\n"],
        [
            "10\n1 1 1 1\n",
            "5\n5 5 5\n",
            "10\n1 2 8 9\n",
            "3\n1 2 2 3\n",
            "12\n6 6 7\n",
            "10\n4 5 5 6 3\n",
            "6\n1 1 1\n",
        ],
        split="test",
    ),
)
