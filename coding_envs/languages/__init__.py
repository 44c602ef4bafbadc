"""Languages that programs may be written in, behind one seam. Knows nothing of tests or verdicts.

Its modules:

    language.py    Language, and the registry of them
    program.py     Program: compiled where its language is, then run as often as needed
    compiled.py    what compiling made, kept
    python.py, gcc.py, javascript.py, perl.py   a language or two each
    doctor.py      which of them work on this machine

Another one is a `register_language(Language(...))` away.
"""

from __future__ import annotations

from .compiled import CompilerCache
from .gcc import CPP, CPP20, C
from .javascript import JAVASCRIPT
from .language import COMPILE_LIMITS, Language, language, languages, register_language
from .perl import PERL
from .program import CompileError, Program, prepare
from .python import PYTHON

__all__ = [
    "COMPILE_LIMITS",
    "CPP",
    "CPP20",
    "JAVASCRIPT",
    "PERL",
    "PYTHON",
    "C",
    "CompileError",
    "CompilerCache",
    "Language",
    "Program",
    "language",
    "languages",
    "prepare",
    "register_language",
]
