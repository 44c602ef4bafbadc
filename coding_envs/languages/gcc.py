"""C++ and C, compiled by GCC."""

from __future__ import annotations

import re

from .language import HEADERS, Language, register_language

__all__ = ["CPP", "CPP20", "C"]

_FLAGS = ("-O2", "-pipe", "-w", "-fmax-errors=5", "-fdiagnostics-color=never")
# One arena for all threads: more would reserve more address space than a program may have.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
_FILE_WORDS = re.compile(
    r"\b(open|openat|creat|mkdir|rename|fopen|freopen|w?o?fstream|tmpfile|tmpnam|mkstemp|filesystem)\b"
)
_SIGNS = (b"std::bad_alloc", b"std::bad_array_new_length", b"cannot allocate memory for thread")


def _cpp(name: str, standard: str, aliases: tuple[str, ...]) -> Language:
    # The same flags for a header and for what includes it, else it is not used.
    flags = ("g++", f"-std={standard}", *_FLAGS, "-pthread")
    return register_language(
        Language(
            name,
            aliases,
            file_name="main.cpp",
            compile=(*flags, f"-I{HEADERS.format(name=name)}", "main.cpp", "-o", "main"),
            header="bits/stdc++.h",
            header_compile=(*flags, "-x", "c++-header", "header.h", "-o", "header.gch"),
            output="main",
            file_words=_FILE_WORDS,
            remedy="install g++ (Debian, Ubuntu: apt-get install g++)",
            environment=_ENVIRONMENT,
            memory_signs=_SIGNS,
            example='#include <iostream>\nint main() { std::cout << "hello\\n"; }\n',
        )
    )


CPP = _cpp(
    "cpp",
    "gnu++17",
    (
        *("c++", "g++", "cxx", "cc", "cpp11", "cpp14", "cpp17", "c++11", "c++14", "c++17"),
        *("gnu++11", "gnu++14", "gnu++17"),
    ),
)
CPP20 = _cpp("cpp20", "gnu++20", ("c++20", "g++20", "gnu++20"))
C = register_language(
    Language(
        "c",
        ("c11", "c17", "c99", "gcc"),
        file_name="main.c",
        compile=("gcc", "-std=gnu17", *_FLAGS, "main.c", "-o", "main", "-pthread", "-lm"),
        output="main",
        file_words=_FILE_WORDS,
        remedy="install gcc (Debian, Ubuntu: apt-get install gcc libc6-dev)",
        environment=_ENVIRONMENT,
        example='#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n',
    )
)
