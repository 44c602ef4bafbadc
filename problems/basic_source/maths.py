"""Functions on numbers."""

from .problem import Function

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Function(
        "is_prime",
        "maths",
        "easy",
        "(n: int) -> bool",
        "Return True if n is a prime number (larger than 1 and divisible by 1 and itself only),\n"
        "else False. n may be negative.",
        (
            """
            def is_prime(n: int) -> bool:
                if n < 2:
                    return False
                d = 2
                while d * d <= n:
                    if n % d == 0:
                        return False
                    d += 1
                return True
            """,
            """
            def is_prime(n: int) -> bool:
                return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))
            """,
        ),
        (
            """
            def is_prime(n: int) -> bool:
                return n > 1 and all(n % d for d in range(2, int(n**0.5)))
            """,
            """
            def is_prime(n: int) -> bool:
                return n == 2 or n % 2 == 1
            """,
            """
            def is_prime(n: int) -> bool:
                return all(n % d for d in range(2, n))
            """,
        ),
        [(7,), (12,)],
        [(0,), (1,), (2,), (4,), (9,), (25,), (97,), (-7,), (7919,), (1000003,), (13,)],
    ),
    Function(
        "digit_sum",
        "maths",
        "easy",
        "(n: int) -> int",
        "Return the sum of the decimal digits of n. The sign of a negative n is ignored.",
        (
            """
            def digit_sum(n: int) -> int:
                return sum(int(d) for d in str(abs(n)))
            """,
            """
            def digit_sum(n: int) -> int:
                n, total = abs(n), 0
                while n:
                    n, digit = divmod(n, 10)
                    total += digit
                return total
            """,
        ),
        (
            """
            def digit_sum(n: int) -> int:
                return len(str(abs(n)))
            """,
            """
            def digit_sum(n: int) -> int:
                total = 0
                while n > 0:
                    total += n % 10
                    n //= 10
                return total
            """,
            """
            def digit_sum(n: int) -> int:
                return 1 + (abs(n) - 1) % 9 if n else 0
            """,
        ),
        [(123,), (9,)],
        [(0,), (-45,), (1000,), (99999,), (7,), (20260,), (-8,), (10**20 + 3,)],
    ),
    Function(
        "fibonacci",
        "maths",
        "easy",
        "(n: int) -> int",
        "The Fibonacci numbers are 0, 1, 1, 2, 3, 5, ...: each is the sum of the two before it.\n"
        "Return number n of them, counted from 0. n is at least 0.",
        (
            """
            def fibonacci(n: int) -> int:
                a, b = 0, 1
                for _ in range(n):
                    a, b = b, a + b
                return a
            """,
            """
            from functools import cache


            @cache
            def fibonacci(n: int) -> int:
                return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
            """,
        ),
        (
            """
            def fibonacci(n: int) -> int:
                a, b = 1, 1
                for _ in range(n):
                    a, b = b, a + b
                return a
            """,
            """
            def fibonacci(n: int) -> int:
                golden = (1 + 5**0.5) / 2
                return int(golden**n / 5**0.5)
            """,
        ),
        [(6,), (10,)],
        [(0,), (1,), (2,), (3,), (20,), (50,), (90,)],
    ),
    Function(
        "prime_factors",
        "maths",
        "medium",
        "(n: int) -> list[int]",
        "Return the prime factors of n in ascending order, each as often as it divides n. n is\n"
        "at least 1; 1 has no prime factors.",
        (
            """
            def prime_factors(n: int) -> list[int]:
                out, d = [], 2
                while d * d <= n:
                    while n % d == 0:
                        out.append(d)
                        n //= d
                    d += 1
                return out + ([n] if n > 1 else [])
            """,
        ),
        (
            """
            def prime_factors(n: int) -> list[int]:
                out, d = [], 2
                while d * d <= n:
                    if n % d == 0:
                        out.append(d)
                        n //= d
                    d += 1
                return out + ([n] if n > 1 else [])
            """,
            """
            def prime_factors(n: int) -> list[int]:
                out, d = [], 2
                while d * d <= n:
                    while n % d == 0:
                        out.append(d)
                        n //= d
                    d += 1
                return out
            """,
        ),
        [(12,), (7,)],
        [(1,), (2,), (49,), (64,), (360,), (97 * 101,), (1000000007,), (30,)],
        split="test",
    ),
    Function(
        "greatest_divisor",
        "maths",
        "easy",
        "(a: int, b: int) -> int",
        "Return the greatest common divisor of a and b, which are at least 0. If one of them is\n"
        "0, it is the other one. Both may have 12 digits.",
        (
            """
            def greatest_divisor(a: int, b: int) -> int:
                while b:
                    a, b = b, a % b
                return a
            """,
            """
            from math import gcd


            def greatest_divisor(a: int, b: int) -> int:
                return gcd(a, b)
            """,
        ),
        (
            """
            def greatest_divisor(a: int, b: int) -> int:
                d = 1
                for k in range(2, 11):
                    if a % k == 0 and b % k == 0:
                        d = k
                return d
            """,
            """
            def greatest_divisor(a: int, b: int) -> int:
                return a * b // greatest(a, b) if a and b else a or b


            def greatest(a: int, b: int) -> int:
                return greatest(b, a % b) if b else a
            """,
        ),
        [(12, 18), (7, 5)],
        [(0, 9), (9, 0), (0, 0), (100, 75), (13, 13), (123456789012, 987654321096), (17, 51)],
    ),
    Function(
        "average",
        "maths",
        "easy",
        "(numbers: list[int]) -> float",
        "Return the mean of numbers as a float; 0.0 for an empty list.",
        (
            """
            def average(numbers: list[int]) -> float:
                return sum(numbers) / len(numbers) if numbers else 0.0
            """,
        ),
        (
            """
            def average(numbers: list[int]) -> float:
                return float(sum(numbers) // len(numbers)) if numbers else 0.0
            """,
            """
            def average(numbers: list[int]) -> float:
                return sum(numbers) / len(numbers)
            """,
            """
            def average(numbers: list[int]) -> float:
                return sorted(numbers)[len(numbers) // 2] / 1 if numbers else 0.0
            """,
        ),
        [([1, 2, 3, 4],), ([5],)],
        [([],), ([0, 0],), ([-1, -2],), ([1, 1, 2],), ([10, 20, 40],), ([7, 8],)],
    ),
    Function(
        "to_base",
        "maths",
        "medium",
        "(n: int, base: int) -> str",
        "Return n, which is at least 0, written in the given base, which is from 2 to 16.\n"
        "Digits beyond 9 are the small letters a to f.",
        (
            """
            def to_base(n: int, base: int) -> str:
                digits = ""
                while n:
                    n, d = divmod(n, base)
                    digits = "0123456789abcdef"[d] + digits
                return digits or "0"
            """,
            """
            def to_base(n: int, base: int) -> str:
                if n < base:
                    return "0123456789abcdef"[n]
                return to_base(n // base, base) + "0123456789abcdef"[n % base]
            """,
        ),
        (
            """
            def to_base(n: int, base: int) -> str:
                digits = ""
                while n:
                    n, d = divmod(n, base)
                    digits = "0123456789abcdef"[d] + digits
                return digits
            """,
            """
            def to_base(n: int, base: int) -> str:
                digits = ""
                while n:
                    n, d = divmod(n, base)
                    digits = str(d) + digits
                return digits or "0"
            """,
        ),
        [(10, 2), (255, 16)],
        [(0, 2), (0, 16), (7, 8), (64, 8), (4095, 16), (2, 3), (1000, 12), (171, 16)],
    ),
    Function(
        "roman",
        "maths",
        "medium",
        "(n: int) -> str",
        "Return n, from 1 to 3999, as a Roman numeral in capital letters, with the usual short\n"
        "forms IV, IX, XL, XC, CD and CM.",
        (
            """
            def roman(n: int) -> str:
                table = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
                         (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
                out = ""
                for value, letters in table:
                    while n >= value:
                        out += letters
                        n -= value
                return out
            """,
        ),
        (
            """
            def roman(n: int) -> str:
                table = [(1000, "M"), (500, "D"), (100, "C"), (50, "L"), (10, "X"), (5, "V"),
                         (1, "I")]
                out = ""
                for value, letter in table:
                    out += letter * (n // value)
                    n %= value
                return out
            """,
            """
            def roman(n: int) -> str:
                table = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
                         (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
                out = ""
                for value, letters in table:
                    if n >= value:
                        out += letters
                        n -= value
                return out
            """,
        ),
        [(4,), (17,)],
        [(1,), (9,), (40,), (99,), (444,), (1990,), (2026,), (3999,), (8,)],
        split="test",
    ),
)
