"""Perl; not compiled beforehand, as `perl -c` would run BEGIN blocks in the compilers' jail."""

from __future__ import annotations

from .language import Language, register_language

__all__ = ["PERL"]

PERL = register_language(
    Language(
        "perl",
        ("pl", "perl5"),
        file_name="main.pl",
        run=("perl", "main.pl"),
        remedy="install perl (Debian, Ubuntu: apt-get install perl)",
        memory_signs=(b"Out of memory",),
        example='print "hello\\n";\n',
    )
)
