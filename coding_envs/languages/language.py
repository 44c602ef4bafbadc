"""Language: how programs of one language are compiled and run; and the registry of them."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import InvalidValueError, SandboxUnavailableError, UnknownNameError
from ..problem import Limits
from ..sandbox.native import HEADER_FOLDER, CompilerRun, Header, NativeRun

__all__ = ["COMPILE_LIMITS", "HEADERS", "Language", "language", "languages", "register_language"]

COMPILE_LIMITS = Limits(
    cpu_time_s=10.0,
    wall_time_s=60.0,  # of a loaded machine: only processor time is the program's affair
    memory_bytes=1 << 30,
    output_bytes=64 * 2**20,
    file_size_bytes=64 * 2**20,
)
"""What a compiler may use: memory and processor time per process, the clock for all of them."""

HEADERS = HEADER_FOLDER + "/{name}"
"""Where a language's compiled headers are, in a jail; `{name}` is the language's."""

_HEADER_LIMITS = Limits(
    cpu_time_s=60.0,
    wall_time_s=120.0,
    memory_bytes=2 << 30,
    output_bytes=256 * 2**20,
    file_size_bytes=256 * 2**20,
)
_SEARCHED = "/usr/local/bin:/usr/bin:/bin"  # what a jail shows of the system
_TIMEOUT_S = 20
_IN_BRACKETS = re.compile(r"\(.*\)$")


@dataclass(frozen=True)
class Language:
    """How programs of one language are compiled and run.

    Commands are tuples of words; the first is looked up among the system's programs, and
    `{memory_mib}` in another becomes the memory limit.

    Attributes:
      name: the one name that the registry gives it.
      aliases: what datasets call it; compared without case, spaces, "GNU" and what stands in
        brackets at the end.
      file_name: what the program's text is called in the working folder.
      compile: the command that compiles it, or that checks its syntax; () for none.
      output: the executable that compiling makes; "" where the text itself is run.
      run: the command that runs the text; () where an executable runs itself, and for Python, which
        the warm interpreters run.
      header: one of the system's headers that takes long to compile; `compile` looks for it in
        HEADERS, where it appears when a few programs have included it.
      header_compile: the command that makes `header.gch` of `header.h`, which includes it.
      file_words: an executable gets a folder to write in where one of these words stands in the
        program's text; None gives it to every one. It costs a millisecond or two.
      remedy: what to do where a command is missing, such as "install g++".
      files: name -> content of what else lies in the working folder, such as a module to preload.
      environment: variables that a run gets.
      memory: what the memory limit bounds, see NativeRun.
      extra_memory_bytes, extra_threads, extra_cpu_s: what the bare runtime takes; on top of limits.
      memory_signs: what stands in standard error where memory has run out.
      example: a program that prints `hello`; `coding-envs doctor` runs it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    file_name: str = "main"
    compile: tuple[str, ...] = ()
    output: str = ""
    run: tuple[str, ...] = ()
    header: str = ""
    header_compile: tuple[str, ...] = ()
    file_words: re.Pattern[str] | None = None
    remedy: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str = "address_space"
    extra_memory_bytes: int = 16 * 2**20
    extra_threads: int = 0
    extra_cpu_s: float = 0.0
    memory_signs: tuple[bytes, ...] = ()
    example: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.name or not self.file_name or "/" in self.file_name + self.output:
            raise InvalidValueError(
                f"language {self.name!r}: name and file_name must be non-empty, file_name and "
                f"output without '/', got {self.file_name!r} and {self.output!r}"
            )
        if self.output and not self.compile:
            raise InvalidValueError(f"language {self.name!r}: an output needs a command to make it")
        if self.output and self.run:
            raise InvalidValueError(
                f"language {self.name!r}: an output runs itself, got the command {self.run}"
            )
        if self.memory not in ("address_space", "data"):
            raise InvalidValueError(
                f"language {self.name!r}: memory must be address_space or data, got {self.memory!r}"
            )

    @property
    def is_resident(self) -> bool:
        """True for Python, which the sandbox's warm interpreters run."""
        return not self.run and not self.output

    @property
    def tools(self) -> tuple[str, ...]:
        """The system's programs that it needs, by name."""
        firsts = (command[0] for command in (self.compile, self.run) if command)
        return tuple(dict.fromkeys(firsts))

    def available(self) -> bool:
        """Returns whether its tools are on this machine."""
        return self.missing() is None

    def missing(self) -> str | None:
        """Returns one line on the tool that is missing, and the remedy; None where none is."""
        for tool in self.tools:
            if not _find(tool):
                remedy = self.remedy or f"install {tool}"
                return f"{self.name} programs need {tool}, which is not in {_SEARCHED}; {remedy}"
        return None

    def require(self) -> None:
        """Does nothing where the language is available.

        Raises:
          SandboxUnavailableError: names the tool that is missing, and the remedy.
        """
        if (missing := self.missing()) is not None:
            raise SandboxUnavailableError(missing)

    def version(self) -> str:
        """Returns what its tools say of their version, or "" for Python: part of cache keys."""
        return "; ".join(_version(_find(tool)) for tool in self.tools)

    def digest(self) -> str:
        """Returns a digest of all here that decides what a program does, the version included."""
        given = (sorted(self.files.items()), sorted(self.environment.items()))
        words = self.file_words.pattern if self.file_words else ""
        parts = (self.compile, self.output, self.run, words, *given)
        allowances = (self.memory, self.extra_memory_bytes, self.extra_threads, self.extra_cpu_s)
        text = repr((self.name, parts, allowances, self.memory_signs, self.version()))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def compiler_run(self, source: str) -> CompilerRun | None:
        """Returns the run that compiles `source`, or None where nothing is compiled."""
        if not self.compile:
            return None
        return CompilerRun(
            command=_command(self.compile, COMPILE_LIMITS),
            files={self.file_name: _encoded(source)},
            limits=COMPILE_LIMITS,
            output=self.output,
            header=self._header() if self.header and self.header in source else None,
        )

    def _header(self) -> Header:
        run = CompilerRun(
            command=_command(self.header_compile, _HEADER_LIMITS),
            files={"header.h": f"#include <{self.header}>\n".encode()},
            limits=_HEADER_LIMITS,
            output="header.gch",
        )
        return Header(f"{self.name}/{self.header}.gch", run)

    def native_run(
        self,
        code: bytes,
        stdin: bytes,
        limits: Limits,
        args: tuple[str, ...],
        files: Mapping[str, bytes],
        *,
        scratch: bool,
    ) -> NativeRun:
        """Returns the run of a compiled program, or of a program's text where none is compiled."""
        allowed = limits
        if self.extra_cpu_s:
            wall_s = limits.wall_limit_s + self.extra_cpu_s
            allowed = replace(
                limits, cpu_time_s=limits.cpu_time_s + self.extra_cpu_s, wall_time_s=wall_s
            )
        compiled = bool(self.output)
        given = (
            {**files, **self.files} if compiled else {**files, **self.files, self.file_name: code}
        )
        return NativeRun(
            command=(f"./{self.output}",) if compiled else _command(self.run, limits),
            args=args,
            executable=code if compiled else b"",
            files=given,
            scratch=scratch,
            stdin=stdin,
            limits=allowed,
            environment=self.environment,
            memory=self.memory,
            extra_memory_bytes=self.extra_memory_bytes,
            extra_threads=self.extra_threads,
        )


def _encoded(source: str) -> bytes:
    return source.encode("utf-8", "surrogatepass")


def _command(words: tuple[str, ...], limits: Limits) -> tuple[str, ...]:
    memory_mib = str(limits.memory_bytes >> 20)
    return (_find(words[0]), *(word.replace("{memory_mib}", memory_mib) for word in words[1:]))


@functools.cache
def _find(tool: str) -> str:
    """Returns the tool's path without symbolic links, or "" where there is none."""
    found = shutil.which(tool, path=_SEARCHED)
    return str(Path(found).resolve()) if found else ""


@functools.cache
def _version(path: str) -> str:
    """Returns the first line that the tool says of itself; what says none is known by its file."""
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": _SEARCHED, "LANG": "C.UTF-8"},
        )
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().splitlines()[0][:100]
    except (OSError, subprocess.TimeoutExpired):
        pass
    state = Path(path).stat()
    return f"{state.st_size} bytes of {state.st_mtime_ns}"


@functools.lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """Returns a spelling as it is compared: `c++17` for `GNU C++17 (64)`."""
    return _IN_BRACKETS.sub("", "".join(name.split())).casefold().removeprefix("gnu")


_by_name: dict[str, Language] = {}
_by_alias: dict[str, Language] = {}


def register_language(language: Language, *, override: bool = False) -> Language:
    """Makes `language` known under its name and aliases; returns it.

    Raises:
      InvalidValueError: one of the names is taken, and `override` is False.
    """
    for name in (language.name, *language.aliases):
        taken = _by_alias.get(_key(name))
        if taken is not None and (taken.name != language.name or not override):
            raise InvalidValueError(
                f"language name {name!r} is taken by {taken.name}; choose another name"
            )
    _by_name[language.name] = language
    for name in (language.name, *language.aliases):
        _by_alias[_key(name)] = language
    return language


def language(name: str) -> Language:
    """Returns the language of that name or alias, such as "cpp", "C++17", "py3" or "node".

    Raises:
      UnknownNameError: there is none; suggests near ones.
    """
    found = _by_alias.get(_key(name))
    if found is None:
        raise UnknownNameError("language", name, _by_alias, "register_language adds one")
    return found


def languages() -> tuple[Language, ...]:
    """Returns every registered language, by name."""
    return tuple(_by_name[name] for name in sorted(_by_name))
