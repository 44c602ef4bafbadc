"""A program made ready to run: compiled where its language is, then run as often as needed."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..problem import Limits
from ..sandbox import Ended, Run, RunResult
from .language import Language

__all__ = ["CompileError", "Program", "prepare"]

_MOST_LINES, _MOST_CHARS, _MOST_READ = 3, 500, 8000
_ERROR_LINE = re.compile(r"\berror:|Error\b", re.ASCII)
_LAST_WORDS = re.compile(
    r"^(\w*Error\b|FATAL ERROR|terminate called)|Assertion .* failed", re.ASCII
)
_PLACE = re.compile(r"^\S*?([\w.]+:\d+)$")


@dataclass(frozen=True)
class CompileError:
    """Why a program cannot be run: one line."""

    message: str


@dataclass(frozen=True)
class Program:
    """A program that is ready to run.

    Attributes:
      language: what it is written in.
      source: its text.
      prelude: Python source that runs in its names before it.
      code: what is run: the executable, or the text again where nothing is compiled.
      scratch: True gives it a private folder to write in.
    """

    language: Language
    source: str
    code: bytes = field(default=b"", repr=False)
    scratch: bool = False
    prelude: str = ""

    def run(
        self,
        stdin: bytes = b"",
        limits: Limits | None = None,
        args: tuple[str, ...] = (),
        files: Mapping[str, bytes] | None = None,
        output_file: str = "",
    ) -> Run:
        """Returns one run of it, with command-line arguments and files in its working folder.

        With an `output_file`, what it writes there counts instead of its standard output.
        """
        limits = limits if limits is not None else Limits()
        if not self.language.is_resident:
            run = self.language.native_run(
                self.code, stdin, limits, args, files or {}, scratch=self.scratch
            )
            return replace(run, output_file=output_file) if output_file else run
        more: dict[str, Any] = {"args": args} if args else {}
        if files:
            more["files"] = files
        if output_file:
            more["output_file"] = output_file
        if self.prelude:
            more["prelude"] = self.prelude
        return Run(self.source, stdin=stdin, limits=limits, scratch=self.scratch, **more)

    def out_of_memory(self, result: RunResult, limits: Limits) -> bool:
        """Returns whether a run that failed did so for want of memory, as far as can be known.

        It is known where the runtime says so, where nearly all of the limit was in use, and where
        the executable's own data are larger than the limit. A program that asks for too much at
        once, and takes no notice of being refused, just crashes.
        """
        if self.language.is_resident:
            return False  # its interpreter says MemoryError, on the channel
        if any(sign in result.stderr for sign in self.language.memory_signs):
            return True
        allowed = limits.memory_bytes + self.language.extra_memory_bytes
        # Shared libraries are allowed for, and hardly resident.
        return result.peak_memory_bytes >= 0.85 * allowed or _image_bytes(self.code) > allowed

    def last_words(self, result: RunResult) -> str:
        """Returns the line of standard error that says why a run failed, or ""."""
        if self.language.is_resident:
            return ""  # its interpreter says so on the channel
        text = result.stderr[-_MOST_READ:].decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        found = [line for line in lines if _LAST_WORDS.search(line)] or lines[-1:]
        return found[0][:_MOST_CHARS] if found else ""


def prepare(
    language: Language,
    source: str,
    *,
    prelude: str = "",
    epilogue: str = "",
    scratch: bool = False,
) -> Generator[list[Run], list[RunResult], Program | CompileError]:
    """Compiles `source` where its language is compiled: yields that run, gets its result.

    Args:
      language: what it is written in.
      source: the program's text.
      prelude: source before it; of Python's it runs in the same names, else it is written before.
      epilogue: source that is written after it.
      scratch: True gives a Python program a private folder to write in.
    """
    if epilogue:
        source = f"{source}\n{epilogue}"
    if prelude and not language.is_resident:
        source = f"{prelude}\n{source}"
    compiler_run = language.compiler_run(source)
    if compiler_run is None:
        code = b"" if language.is_resident else source.encode("utf-8", "surrogatepass")
        own = scratch or not language.is_resident
        return Program(language, source, code, own, prelude if language.is_resident else "")
    (result,) = yield [compiler_run]
    if result.ended is not Ended.EXITED:
        return CompileError(f"the compiler was stopped after {result.wall_time_s:.1f} s")
    if result.exit_code != 0:
        return CompileError(_first_errors(result.stderr.decode("utf-8", "replace")))
    code = result.stdout if language.output else source.encode("utf-8", "surrogatepass")
    words = language.file_words
    return Program(language, source, code, scratch=words is None or bool(words.search(source)))


def _first_errors(text: str) -> str:
    """Returns the first errors of what a compiler printed, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if _ERROR_LINE.search(line)] or lines[:1]
    place = _PLACE.match(lines[0]) if lines else None  # Node.js gives it a line of its own
    message = "; ".join(found[:_MOST_LINES]) or "the compiler failed and said nothing"
    return f"{place[1]}: {message}"[:_MOST_CHARS] if place else message[:_MOST_CHARS]


def _image_bytes(code: bytes) -> int:
    """Returns how much memory a 64-bit ELF executable's segments take; 0 for anything else.

    Field offsets: the ELF-64 object file format, version 1.5.
    """
    if code[:6] != b"\x7fELF\x02\x01":
        return 0
    try:
        (offset,) = struct.unpack_from("<Q", code, 32)
        size, count = struct.unpack_from("<HH", code, 54)
        total = 0
        for number in range(count):
            at = offset + number * size
            if struct.unpack_from("<I", code, at) == (1,):  # PT_LOAD
                total += struct.unpack_from("<Q", code, at + 40)[0]  # p_memsz
    except struct.error:
        return 0
    return total
