"""Runs test code against recorded outcomes, inside the jail: the entry point is only a proxy.

The program's own process never sees this code, nor the expected values in it; this process never
sees the program. Test code calls the proxy; the proxy looks up what the program answered to that
call. Where the answer is not known yet, the test stops and says which calls it needs.

Preloaded by the judge's sandbox under the name `coding_envs_tester`; standard library alone.
"""

from __future__ import annotations

import ast
import builtins
import json
import random
import sys
import types
from typing import Any

import plain_data  # type: ignore[import-not-found]

__all__ = ["expressions", "record", "replay"]


class _NeedsMoreError(BaseException):
    """The test made a call whose outcome is not known; a BaseException, so that none catches it."""


class _TestError(Exception):
    """The test itself is at fault: it does not compile, or its helpers fail."""


class _ProgramError(Exception):
    """The program raised something that is no builtin exception, or its process ended."""


_LOOP_ENDS = (StopIteration, StopAsyncIteration)


class _Proxy:
    """Stands for the entry point: answers from known outcomes, in the order of the calls."""

    def __init__(self, known: list[list[Any]], name: str) -> None:
        self.known, self.__name__ = known, name
        self.made: list[str] = []
        self.failed_at = -1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        text = plain_data.dumps([list(args), kwargs])
        index = len(self.made)
        self.made.append(text)
        if index >= len(self.known) or self.known[index][0] != text:
            raise _NeedsMoreError
        return self.answer(index)

    def outcome_of(self, index: int) -> Any:
        """Returns the outcome of the expression of that number."""
        if index >= len(self.known):
            raise _NeedsMoreError
        return self.answer(index)

    def answer(self, index: int) -> Any:
        outcome = self.known[index][1]
        if "value" in outcome:
            try:
                return plain_data.decode(outcome["value"])
            except plain_data.PlainDataError:
                raise _ProgramError("the returned value is no plain data") from None
        self.failed_at = index
        kind = getattr(builtins, outcome.get("kind", ""), None)
        # Not those that would end a loop of the test's in silence.
        if isinstance(kind, type) and issubclass(kind, Exception) and kind not in _LOOP_ENDS:
            try:
                raise kind(outcome.get("error", ""))
            except TypeError:
                pass  # such as UnicodeDecodeError, which wants more than a message
        raise _ProgramError(outcome.get("error", ""))


class _Recorder:
    """Wraps the reference: notes each call, then makes it."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.made: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.made.append(plain_data.dumps([list(args), kwargs]))
        return self.function(*args, **kwargs)


def _namespace(spec: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    """A fresh module in which a test runs: imports, and the reference with all its helpers."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    random.seed(0)
    sys.set_int_max_str_digits(0)
    for source in (test.get("imports", ""), spec["helpers"]):
        if source:
            try:
                exec(compile(source, "helpers.py", "exec", 0, True), names)
            except (Exception, SystemExit) as error:
                raise _TestError(f"its imports or helpers fail: {_one_line(error)}") from None
    random.seed(0)
    return names


def _compiled(tree_or_text: Any) -> types.CodeType:
    try:
        code: types.CodeType = compile(tree_or_text, "test.py", "exec", 0, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _TestError(f"it does not compile: {_one_line(error)}") from None
    return code


def _run_test(spec: dict[str, Any], test: dict[str, Any], candidate: Any) -> None:
    names = _namespace(spec, test)
    if spec["entry_point"].isidentifier():
        names[spec["entry_point"]] = candidate
    exec(_compiled(test["code"]), names)
    if test.get("check"):
        check = names.get(test["check"])
        if not callable(check):
            raise _TestError(f"it defines no function {test['check']!r}")
        check(candidate)


def record(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs each test around the reference.

    Returns:
      Per test: {"calls": arguments of each call, "uncrossable": True where an argument is no plain
      data, "error": why the test fails even around the reference, or ""}.
    """
    records: list[dict[str, Any]] = []
    for test in spec["tests"]:
        recorder = _Recorder(None)
        try:
            recorder.function = eval(spec["entry_point"], _namespace(spec, test))
            _run_test(spec, test, recorder)
            records.append({"calls": recorder.made, "uncrossable": False, "error": ""})
        except plain_data.PlainDataError:
            records.append({"calls": [], "uncrossable": True, "error": ""})
        except (Exception, SystemExit) as error:  # what was recorded so far still saves rounds
            line = _one_line(error)
            records.append({"calls": recorder.made, "uncrossable": False, "error": line})
    return records


def replay(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs each test against the known outcomes.

    Returns:
      Per test: {"status": "passed"}; {"status": "failed", "error", "failed_at"};
      {"status": "needs", "calls": [...]}, all calls up to the first without a known outcome; or
      {"status": "unjudgeable", "error"}, where the test is broken, or calls with something that
      cannot cross.
    """
    reports: list[dict[str, Any]] = []
    for test in spec["tests"]:
        proxy = _Proxy(test["known"], spec["entry_point"])
        report: dict[str, Any] = {"status": "passed"}
        try:
            if test.get("expressions"):
                _run_rewritten(spec, test, proxy)
            else:
                _run_test(spec, test, proxy)
        except _NeedsMoreError:
            report = {"status": "needs", "calls": proxy.made}
        except plain_data.PlainDataError as error:
            # The test's own argument cannot cross; unless it came from the program to begin with.
            theirs = '"opaque"' in json.dumps(proxy.known)
            status = "failed" if theirs else "unjudgeable"
            report = {"status": status, "error": _one_line(error), "failed_at": -1}
        except _TestError as error:
            report = {"status": "unjudgeable", "error": str(error)[:300]}
        except (Exception, SystemExit) as error:
            at = proxy.failed_at if not isinstance(error, AssertionError) else -1
            report = {"status": "failed", "error": _one_line(error), "failed_at": at}
        reports.append(report)
    return reports


class _CallFinder(ast.NodeTransformer):
    """Replaces each call of the entry point by its outcome's number."""

    def __init__(self, name: str) -> None:
        self.name, self.found = name, list[str]()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == self.name:
            self.found.append(ast.unparse(node))
            number = ast.Constant(len(self.found) - 1)
            return ast.Call(ast.Name("__outcome__", ast.Load()), [number], [])
        return self.generic_visit(node)


def expressions(spec: dict[str, Any]) -> list[list[str]]:
    """Returns per test the source of each call of the entry point, in order."""
    found = []
    for test in spec["tests"]:
        finder = _CallFinder(spec["entry_point"])
        try:
            finder.visit(ast.parse(test["code"]))
        except (SyntaxError, ValueError):
            finder.found.clear()  # replay() says that it is broken
        found.append(finder.found)
    return found


def _run_rewritten(spec: dict[str, Any], test: dict[str, Any], proxy: _Proxy) -> None:
    _compiled(test["code"])
    tree = _CallFinder(spec["entry_point"]).visit(ast.parse(test["code"]))
    names = _namespace(spec, test)
    names["__outcome__"] = proxy.outcome_of
    exec(_compiled(ast.fix_missing_locations(tree)), names)


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (type(error).__name__ + (": " + text[0] if text else ""))[:300]


def main(text: str) -> str:
    """Returns the JSON report of the JSON order `text`: the one entry that the judge calls."""
    spec = json.loads(text)
    order = {"record": record, "replay": replay, "expressions": expressions}[spec["order"]]
    return json.dumps(order(spec))


def answer(order: bytes) -> bytes:
    """Answers orders as a service; an order that fails says so, and the next one is served."""
    try:
        return main(order.decode()).encode()
    except BaseException as error:
        return json.dumps({"error": _one_line(error)}).encode()
