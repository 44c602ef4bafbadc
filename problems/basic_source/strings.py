"""Functions on text."""

from .problem import Function

__all__ = ["PROBLEMS"]

PROBLEMS = (
    Function(
        "count_vowels",
        "strings",
        "easy",
        "(text: str) -> int",
        "Return how many vowels (a, e, i, o, u, in upper or lower case) there are in text.",
        (
            """
            def count_vowels(text: str) -> int:
                return sum(letter in "aeiou" for letter in text.lower())
            """,
            """
            def count_vowels(text: str) -> int:
                found = 0
                for letter in text:
                    if letter in "aeiouAEIOU":
                        found += 1
                return found
            """,
        ),
        (
            """
            def count_vowels(text: str) -> int:
                return sum(letter in "aeiou" for letter in text)
            """,
            """
            def count_vowels(text: str) -> int:
                return len(set(text.lower()) & set("aeiou"))
            """,
        ),
        [("banana",), ("Rhythm",)],
        [("",), ("AEIOU",), ("Out of Order",), ("xyz",), ("queue",), ("I am here",), ("yes",)],
    ),
    Function(
        "is_palindrome",
        "strings",
        "easy",
        "(text: str) -> bool",
        "Return True if text reads the same forwards and backwards once everything but letters\n"
        "and digits is removed and case is ignored, else False. A text without letters or\n"
        "digits counts as True.",
        (
            """
            def is_palindrome(text: str) -> bool:
                kept = [c.lower() for c in text if c.isalnum()]
                return kept == kept[::-1]
            """,
            """
            def is_palindrome(text: str) -> bool:
                left, right = 0, len(text) - 1
                while left < right:
                    if not text[left].isalnum():
                        left += 1
                    elif not text[right].isalnum():
                        right -= 1
                    elif text[left].lower() != text[right].lower():
                        return False
                    else:
                        left, right = left + 1, right - 1
                return True
            """,
        ),
        (
            """
            def is_palindrome(text: str) -> bool:
                return text == text[::-1]
            """,
            """
            def is_palindrome(text: str) -> bool:
                kept = [c for c in text if c.isalnum()]
                return kept == kept[::-1]
            """,
            """
            def is_palindrome(text: str) -> bool:
                kept = [c.lower() for c in text if c.isalpha()]
                return kept == kept[::-1]
            """,
        ),
        [("Never odd or even",), ("almost",)],
        [
            ("",),
            ("?!",),
            ("abca",),
            ("1a2",),
            ("Was it a car, or a cat I saw?",),
            ("12 21",),
            ("ab",),
            ("Aa",),
        ],
    ),
    Function(
        "caesar_shift",
        "strings",
        "medium",
        "(text: str, shift: int) -> str",
        "Move every English letter of text forward by shift places in the alphabet, wrapping\n"
        "around from z to a, and keep its case. shift may be negative or larger than 26. All\n"
        "other characters stay as they are. Return the new text.",
        (
            """
            def caesar_shift(text: str, shift: int) -> str:
                out = []
                for c in text:
                    if "a" <= c <= "z":
                        out.append(chr((ord(c) - 97 + shift) % 26 + 97))
                    elif "A" <= c <= "Z":
                        out.append(chr((ord(c) - 65 + shift) % 26 + 65))
                    else:
                        out.append(c)
                return "".join(out)
            """,
        ),
        (
            """
            def caesar_shift(text: str, shift: int) -> str:
                return "".join(chr(ord(c) + shift) if c.isalpha() else c for c in text)
            """,
            """
            def caesar_shift(text: str, shift: int) -> str:
                low = "abcdefghijklmnopqrstuvwxyz"
                return "".join(
                    low[(low.index(c) + shift) % 26] if c in low else c for c in text
                )
            """,
        ),
        [("abc", 2), ("Zebra!", 1)],
        [
            ("xyz", 3),
            ("Hello, World", -7),
            ("", 5),
            ("same", 0),
            ("Wrap", 52),
            ("a-Z", -27),
            ("MiXed 42", 13),
        ],
    ),
    Function(
        "run_length",
        "strings",
        "medium",
        "(text: str) -> str",
        "Compress text: write each run of equal characters as the character followed by the\n"
        "length of the run. A run of length 1 is written as the character alone.",
        (
            """
            from itertools import groupby


            def run_length(text: str) -> str:
                parts = []
                for letter, group in groupby(text):
                    n = len(list(group))
                    parts.append(letter + (str(n) if n > 1 else ""))
                return "".join(parts)
            """,
            """
            def run_length(text: str) -> str:
                out, i = "", 0
                while i < len(text):
                    j = i
                    while j < len(text) and text[j] == text[i]:
                        j += 1
                    out += text[i] if j - i == 1 else f"{text[i]}{j - i}"
                    i = j
                return out
            """,
        ),
        (
            """
            from itertools import groupby


            def run_length(text: str) -> str:
                return "".join(letter + str(len(list(g))) for letter, g in groupby(text))
            """,
            """
            def run_length(text: str) -> str:
                seen = dict.fromkeys(text)
                return "".join(c + (str(text.count(c)) if text.count(c) > 1 else "") for c in seen)
            """,
        ),
        [("aaabcc",), ("abc",)],
        [("",), ("zzzzzzzzzzzz",), ("aabaa",), ("  x",), ("Aa",), ("mississippi",), ("k",)],
        split="test",
    ),
    Function(
        "longest_word",
        "strings",
        "easy",
        "(text: str) -> str",
        "Words are separated by spaces. Return the longest word of text; if several are equally\n"
        'long, the one that comes first. Return "" if there is no word.',
        (
            """
            def longest_word(text: str) -> str:
                return max(text.split(), key=len, default="")
            """,
        ),
        (
            """
            def longest_word(text: str) -> str:
                return sorted(text.split(), key=len)[-1] if text.split() else ""
            """,
            """
            def longest_word(text: str) -> str:
                return max(text.split(), default="")
            """,
        ),
        [("the quick brown fox",), ("one",)],
        [
            ("",),
            ("aa bb cc",),
            ("  spaces   around ",),
            ("z yy xxx",),
            ("long short",),
            ("to be or not to be",),
            ("abcd efg hijk",),
        ],
    ),
    Function(
        "title_case",
        "strings",
        "easy",
        "(text: str) -> str",
        "The words of text are separated by single spaces. Return text with the first letter of\n"
        "each word in upper case and its other letters in lower case.",
        (
            """
            def title_case(text: str) -> str:
                return " ".join(word.capitalize() for word in text.split(" "))
            """,
        ),
        (
            """
            def title_case(text: str) -> str:
                return text.title()
            """,
            """
            def title_case(text: str) -> str:
                return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
            """,
            """
            def title_case(text: str) -> str:
                return text.capitalize()
            """,
        ),
        [("hello world",), ("it's FINE",)],
        [
            ("",),
            ("a",),
            ("don't stop",),
            ("SHOUTING LOUD",),
            ("x2y z",),
            ("mIxEd cAsE",),
            ("they're here",),
        ],
    ),
    Function(
        "are_anagrams",
        "strings",
        "easy",
        "(first: str, second: str) -> bool",
        "Return True if second can be made by reordering the letters of first, else False.\n"
        "Spaces and case are ignored.",
        (
            """
            def are_anagrams(first: str, second: str) -> bool:
                def letters(text):
                    return sorted(text.replace(" ", "").lower())

                return letters(first) == letters(second)
            """,
            """
            from collections import Counter


            def are_anagrams(first: str, second: str) -> bool:
                a = Counter(first.lower().replace(" ", ""))
                return a == Counter(second.lower().replace(" ", ""))
            """,
        ),
        (
            """
            def are_anagrams(first: str, second: str) -> bool:
                return sorted(first) == sorted(second)
            """,
            """
            def are_anagrams(first: str, second: str) -> bool:
                a, b = first.replace(" ", "").lower(), second.replace(" ", "").lower()
                return set(a) == set(b)
            """,
        ),
        [("Listen", "Silent"), ("apple", "pale")],
        [
            ("", ""),
            ("a", ""),
            ("Dormitory", "dirty room"),
            ("aab", "abb"),
            ("abc", "cab"),
            ("Tea", "Eat"),
            ("ab", "abc"),
        ],
    ),
    Function(
        "common_prefix",
        "strings",
        "easy",
        "(words: list[str]) -> str",
        "Return the longest text with which every word of words begins. words may be empty;\n"
        'then return "".',
        (
            """
            def common_prefix(words: list[str]) -> str:
                prefix = ""
                for letters in zip(*words):
                    if len(set(letters)) > 1:
                        break
                    prefix += letters[0]
                return prefix
            """,
            """
            import os.path


            def common_prefix(words: list[str]) -> str:
                return os.path.commonprefix(words)
            """,
        ),
        (
            """
            def common_prefix(words: list[str]) -> str:
                return "".join(a[0] for a in zip(*words) if len(set(a)) == 1)
            """,
            """
            def common_prefix(words: list[str]) -> str:
                prefix = ""
                for a, b in zip(words[0], words[-1]):
                    if a != b:
                        break
                    prefix += a
                return prefix
            """,
        ),
        [(["flower", "flow", "flight"],), (["dog", "car"],)],
        [
            ([],),
            (["alone"],),
            (["", "a"],),
            (["same", "same"],),
            (["abc", "xbc"],),
            (["inter", "zone", "interact"],),
            (["prefix", "preface", "pretty"],),
        ],
        split="test",
    ),
)
