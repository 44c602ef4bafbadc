"""Runs test code against recorded outcomes, inside the jail: the program is only a proxy.

The program's own process never sees this code, nor the expected values in it; this process never
sees the program. Test code calls proxies; a proxy looks up what the program answered to that call.
Where the answer is not known yet, the test stops and says which calls it needs. A call is
`[expression, arguments, after]`: what the program's process evaluates, the JSON text of `[args,
kwargs]` as plain data (None: the expression's own value is wanted), and whether the arguments are
wanted as they are after the call.

One process may serve many orders: each test runs in a fresh module, and what an order changes of
the interpreter is put back after it. Compiled code is kept: a problem is judged thousands of times.

Preloaded by the judge's sandbox under the name `coding_envs_tester`; standard library alone.
"""

from __future__ import annotations

import ast
import builtins
import functools
import json
import os
import random
import sys
import types
from collections import deque
from typing import Any

import plain_data  # type: ignore[import-not-found]

__all__ = ["expressions", "main", "record", "replay"]

_MODULE = "solution"  # as which a test file imports the program
_SCALARS = frozenset({int, float, str, bool, type(None), bytes, complex, range})
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, functools.partial)
_LOOP_ENDS = (StopIteration, StopAsyncIteration)


class _NeedsMoreError(BaseException):
    """The test made a call whose outcome is not known; a BaseException, so that few catch it."""


class _TestError(BaseException):
    """The test itself is at fault: it does not compile, its helpers fail, it wants too much."""


class _ProgramError(Exception):
    """The program raised something that is no builtin exception, or its process ended."""


# --- the program's answers -----------------------------------------------------------------------


def _as_call(expression: str, args: Any, kwargs: dict[str, Any], looks: bool) -> list[Any]:
    text = plain_data.dumps([list(args), kwargs])
    if looks:
        looks = not _SCALARS.issuperset(map(type, (*args, *kwargs.values())))
    return [expression, text, looks]


class _Answers:
    """Answers calls from known outcomes, in the order of the calls.

    Attributes:
      made: the calls so far.
      stopped: True from the first call without a known outcome on.
      failed_at: number of the latest call that did not return, or -1.
      names: where the test's own names for exceptions stand.
    """

    def __init__(self, calls: list[list[Any]], outcomes: list[Any]) -> None:
        self.calls, self.outcomes = calls, outcomes
        self.made: list[list[Any]] = []
        self.stopped = False
        self.failed_at = -1
        self.names: dict[str, Any] = {}

    def call(self, expression: str, args: Any, kwargs: dict[str, Any], looks: bool) -> Any:
        outcome = self.outcome(_as_call(expression, args, kwargs, looks))
        if "args" in outcome:
            _write_back_all(outcome["args"], args, kwargs)
        return self.value(outcome)

    def outcome(self, call: list[Any]) -> dict[str, Any]:
        index = len(self.made)
        self.made.append(call)
        if self.stopped or index >= len(self.calls) or self.calls[index] != call:
            self.stopped = True
            raise _NeedsMoreError
        outcome: dict[str, Any] = self.outcomes[index]
        return outcome

    def read(self, expression: str) -> Any:
        """Returns the value of an expression."""
        return self.value(self.outcome([expression, None, False]))

    def outcome_of(self, index: int) -> Any:
        """Returns the outcome of the expression of that number."""
        if index >= len(self.outcomes):
            self.stopped = True
            raise _NeedsMoreError
        return self.value(self.outcomes[index], index)

    def value(self, outcome: dict[str, Any], index: int | None = None) -> Any:
        if "value" in outcome:
            try:
                return plain_data.decode(outcome["value"])
            except plain_data.PlainDataError:
                raise _ProgramError("the returned value is no plain data") from None
        self.failed_at = len(self.made) - 1 if index is None else index
        name, line = outcome.get("kind", ""), outcome.get("error", "")
        kind = self.names.get(name) or getattr(builtins, name, None)
        # Not those that would end a loop of the test's in silence.
        if isinstance(kind, type) and issubclass(kind, Exception) and kind not in _LOOP_ENDS:
            try:
                error = kind(*_arguments_of(name, line))
            except Exception:  # such as UnicodeDecodeError, which wants more than a message
                error = _ProgramError(line)
            raise error
        raise _ProgramError(line)


def _arguments_of(name: str, line: str) -> tuple[Any, ...]:
    """What an exception was made with, as far as its line `module.Name: message` tells."""
    head, colon, message = line.partition(": ")
    if head.rpartition(".")[2] != name:
        colon, message = ": ", line
    if name == "KeyError":  # whose message is its argument's repr
        try:
            return (ast.literal_eval(message),)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return (message,) if colon else ()


class _Recorder:
    """Notes calls and makes them, on the reference.

    Args:
      apart: True where the reference has a module to itself; False where it shares the test's.
    """

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart
        self.made: list[list[Any]] = []
        self.functions: dict[str, Any] = {}
        self.names: dict[str, Any] = {}

    def call(self, expression: str, args: Any, kwargs: dict[str, Any], looks: bool) -> Any:
        self.made.append(_as_call(expression, args, kwargs, looks))
        function = self.functions.get(expression) or eval(expression, self.names)
        return function(*args, **kwargs)

    def read(self, expression: str) -> Any:
        self.made.append([expression, None, False])
        return eval(expression, self.names)


class _Proxy:
    """Stands for a function of the program's."""

    def __init__(self, answers: Any, expression: str, looks: bool) -> None:
        self._answers, self._looks = answers, looks
        self.__name__ = self.__qualname__ = expression

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._answers.call(self.__name__, args, kwargs, self._looks)


# --- arguments that the program changed ----------------------------------------------------------


def _write_back_all(data: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Makes the test's own objects what the program made of its copies of them."""
    try:
        after, keywords = plain_data.decode(data)
        pairs = [*zip(args, after, strict=True), *((v, keywords[k]) for k, v in kwargs.items())]
    except (plain_data.PlainDataError, TypeError, ValueError, KeyError):
        return  # no plain data: what the program claims is no state of these arguments
    for old, new in pairs:
        if plain_data.dumps(old) != plain_data.dumps(new, opaque=True):
            _write_back(old, new)


def _write_back(old: Any, new: Any) -> None:
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        old[:] = _kept(old, new)
    elif isinstance(old, dict):
        values = {k: _kept([old[k]], [v])[0] if k in old else v for k, v in new.items()}
        old.clear()
        old.update(values)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray):
        old[:] = new
    elif isinstance(old, deque):
        items = _kept(list(old), list(new))
        old.clear()
        old.extend(items)
    elif isinstance(old, tuple):
        for one, other in zip(old, new, strict=False):
            _write_back(one, other)
    elif type(old).__module__ == "numpy" and getattr(old, "shape", ()) == new.shape != ():
        old[...] = new


def _kept(olds: list[Any], news: list[Any]) -> list[Any]:
    """Returns `news` in which what was among `olds` is the old object still.

    The program had copies, so that which is which is read off the values: an equal one was moved;
    of what is left, the one at the same place was changed.
    """
    if _SCALARS.issuperset(map(type, news)):
        return news
    texts = [plain_data.dumps(old, opaque=True) for old in olds]
    wanted = [plain_data.dumps(new, opaque=True) for new in news]
    result, free = list(news), dict.fromkeys(range(len(olds)))
    found = set()
    for number, text in enumerate(wanted):
        at = number if number in free and texts[number] == text else None
        if at is not None:
            del free[at]
            found.add(number)
            result[number] = olds[at]
    places: dict[str, list[int]] = {}
    for at in free:
        places.setdefault(texts[at], []).append(at)
    for number, text in enumerate(wanted):
        if number not in found and places.get(text):
            at = places[text].pop(0)
            del free[at]
            found.add(number)
            result[number] = olds[at]
    for number, new in enumerate(news):
        if number not in found and number in free and type(olds[number]) is type(new):
            _write_back(olds[number], new)
            if not isinstance(new, (int, float, str, frozenset)):
                result[number] = olds[number]
    return result


# --- test code -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _compiled(source: str, name: str) -> types.CodeType:
    try:
        return compile(source, name, "exec", 0, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _TestError(f"{name[:-3]} does not compile: {_one_line(error)}") from None


def _namespace(spec: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    """A fresh module in which a test runs: imports, and the reference with all its helpers."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    for source in (spec.get("prelude"), test.get("imports"), spec["helpers"]):
        if source:
            _execute(source, names)
    random.seed(0)
    return names


def _execute(source: str, names: dict[str, Any]) -> None:
    try:
        exec(_compiled(source, "helpers.py"), names)
    except (Exception, SystemExit) as error:
        raise _TestError(f"its imports or helpers fail: {_one_line(error)}") from None


def _run_test(spec: dict[str, Any], test: dict[str, Any], answers: _Answers | _Recorder) -> None:
    if test.get("function"):
        _run_function(spec, test, answers)
        return
    entry, check = spec["entry_point"], test.get("check", "")
    if isinstance(answers, _Recorder) and answers.apart:
        # In a module of its own, where the entry point is itself: a recursion is not the test's.
        answers.functions[entry] = eval(entry, _namespace(spec, test))
    answers.names = names = _namespace(spec, test)
    if isinstance(answers, _Recorder) and not answers.apart:
        answers.functions[entry] = eval(entry, names)
    proxy = _Proxy(answers, entry, _looks_at_arguments(test["code"], entry, check))
    if entry.isidentifier():
        names[entry] = proxy
    exec(_compiled(test["code"], "test.py"), names)
    if check:
        function = names.get(check)
        if not callable(function):
            raise _TestError(f"it defines no function {check!r}")
        function(proxy)


@functools.lru_cache(maxsize=4096)
def _looks_at_arguments(code: str, entry: str, check: str) -> bool:
    """Returns False where no argument of a call can be seen by the test after the call.

    That is where the entry point is only ever called, and only with literals: nobody else holds
    what a literal made. In doubt, True.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # it will not compile either
    names = {entry}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == check:
            names.update(arg.arg for arg in node.args.args[:1])
    harmless = mentions = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            harmless += node.func.id in names and all(map(_is_literal, values))
        mentions += _mentions(node, names)
    return mentions != harmless


def _mentions(node: ast.AST, names: set[str]) -> bool:
    """Returns True where `node` could be a way to one of `names`."""
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Attribute):
        return node.attr in names
    if isinstance(node, ast.alias):
        return node.name == _MODULE or (node.name in names and node.asname is not None)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names


def _is_literal(node: ast.AST) -> bool:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(map(_is_literal, node.elts))
    if isinstance(node, ast.Dict):
        return all(key is not None and _is_literal(key) for key in node.keys) and all(
            map(_is_literal, node.values)
        )
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_literal(node.left) and _is_literal(node.right)
    return isinstance(node, ast.Constant)


# --- files for pytest and unittest ---------------------------------------------------------------


def _run_function(
    spec: dict[str, Any], test: dict[str, Any], answers: _Answers | _Recorder
) -> None:
    """Runs one test function of a file, with the program as the module `solution`."""
    import coding_envs_pytest as shim  # type: ignore[import-not-found]

    reference = sys.modules[_MODULE] = types.ModuleType(_MODULE)
    for source in (spec.get("prelude"), spec["helpers"]):
        if source:
            _execute(source, reference.__dict__)
    answers.names = reference.__dict__
    program = _program_module(spec, test["code"], reference, answers)
    module = types.ModuleType("test_solution")
    sys.modules.update({"test_solution": module, _MODULE: program, "pytest": shim.module()})
    names = module.__dict__
    if test.get("imports"):
        _execute(test["imports"], names)
    if spec["entry_point"].isidentifier():
        names[spec["entry_point"]] = getattr(program, spec["entry_point"])
    random.seed(0)
    try:
        exec(_compiled(test["code"], "test.py"), names)
        shim.run(test["function"], names)
    except shim.UnsupportedError as error:
        raise _TestError(str(error)) from None


def _program_module(
    spec: dict[str, Any],
    code: str,
    reference: types.ModuleType,
    answers: _Answers | _Recorder,
) -> types.ModuleType:
    """The module `solution` that a test file imports: a proxy for each function of the program's.

    What is a function, a class or a value is read off the reference, whose modules it has as well.
    Where the reference has classes, objects of them may be anywhere: see `objects.py`.
    """

    class Program(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return member(name)

    def member(name: str) -> Any:
        if public and name not in public:
            line = f"cannot import name {name!r} from {_MODULE!r}: the reference has none"
            raise ImportError(line)
        value = public.get(name)
        if isinstance(value, types.ModuleType):
            return value
        if isinstance(value, type):
            return program.class_of(name) if _is_own_class(value) else value
        if not public and name[:1].isupper():
            raise _TestError(f"what {name!r} is can be told by a reference solution alone")
        if name not in public or callable(value):
            return _Proxy(program, name, _looks_at_arguments(code, name, ""))
        return program.read(name)

    public = {k: v for k, v in reference.__dict__.items() if not k.startswith("__")}
    program: Any = answers
    if _has_objects(reference.__dict__):
        import coding_envs_objects  # type: ignore[import-not-found]

        exec(_compiled(coding_envs_objects.SETUP, "setup.py"), reference.__dict__)
        program = coding_envs_objects.Objects(answers, reference.__dict__, _TestError)
    module = Program(_MODULE)
    entry = spec["entry_point"]
    # For `from solution import *`: no values, which a right program need not have all.
    kinds = (type, *_FUNCTIONS, types.ModuleType)
    names = [k for k, v in public.items() if isinstance(v, kinds) and k[0] != "_"]
    module.__dict__["__all__"] = names or [entry] * entry.isidentifier()
    return module


def _is_own_class(value: Any) -> bool:
    own = isinstance(value, type) and value.__module__ == _MODULE
    return own and not issubclass(value, BaseException)


def _has_objects(names: dict[str, Any]) -> bool:
    """Returns True where a program has classes of its own."""
    return any(map(_is_own_class, names.values()))


# --- orders --------------------------------------------------------------------------------------


def record(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs each test around the reference.

    Returns:
      Per test: {"calls": its calls, "uncrossable": True where an argument is no plain data,
      "objects": True where the program's process has to keep objects for it, "error": why the test
      fails even around the reference, or ""}.
    """
    records: list[dict[str, Any]] = []
    for test in spec["tests"]:
        report = _record_one(spec, test, apart=True)
        if report["error"] or report["uncrossable"]:
            # Perhaps only because classes of the reference are not those of the test's module.
            together = _record_one(spec, test, apart=False)
            report = report if together["error"] or together["uncrossable"] else together
        records.append(report)
    return records


def _record_one(spec: dict[str, Any], test: dict[str, Any], *, apart: bool) -> dict[str, Any]:
    recorder = _Recorder(apart=apart)
    uncrossable, line = False, ""
    try:
        _run_test(spec, test, recorder)
    except plain_data.PlainDataError:
        uncrossable = True
    except (Exception, SystemExit, _TestError) as error:
        line = _one_line(error)  # what was recorded so far still saves rounds
    report = {"calls": recorder.made, "uncrossable": uncrossable, "error": line}
    report["objects"] = bool(test.get("function")) and _has_objects(recorder.names)
    return report


def replay(spec: dict[str, Any], outcomes: list[Any]) -> list[dict[str, Any]]:
    """Runs each test against the outcomes of all calls, one test's after the other's.

    Returns:
      Per test: {"status": "passed"}; {"status": "failed", "error", "failed_at"}, with "why" where
      there is more to say than that an assertion does not hold; {"status": "needs", "calls"}, all
      calls up to the first without a known outcome; or {"status": "unjudgeable", "error"}, where
      the test is broken, or calls with something that cannot cross.
    """
    reports, end = [], 0
    for test in spec["tests"]:
        start, end = end, end + len(test["calls"])
        answers = _Answers(test["calls"], outcomes[start:end])
        reports.append(_replay_one(spec, test, answers))
    return reports


def _replay_one(spec: dict[str, Any], test: dict[str, Any], answers: _Answers) -> dict[str, Any]:
    report: dict[str, Any] = {"status": "passed"}
    try:
        if test.get("expressions"):
            _run_rewritten(spec, test, answers)
        else:
            _run_test(spec, test, answers)
    except _NeedsMoreError:
        pass
    except plain_data.TruncatedError as error:
        report = {"status": "failed", "error": "", "failed_at": -1, "why": str(error)}
    except plain_data.PlainDataError as error:
        # The test's own argument cannot cross; unless it came from the program to begin with.
        theirs = '"opaque"' in json.dumps(answers.outcomes)
        status = "failed" if theirs else "unjudgeable"
        report = {"status": status, "error": _one_line(error), "failed_at": -1}
    except _TestError as error:
        report = {"status": "unjudgeable", "error": str(error)[:300]}
    except (Exception, SystemExit) as error:
        at = answers.failed_at if not isinstance(error, AssertionError) else -1
        report = {"status": "failed", "error": _one_line(error), "failed_at": at}
    if answers.stopped:  # even where the test caught what stopped it
        return {"status": "needs", "calls": answers.made}
    return report


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


def expressions(spec: dict[str, Any]) -> list[list[list[Any]]]:
    """Returns per test the calls of the entry point, in order, as expressions."""
    found = []
    for test in spec["tests"]:
        finder = _CallFinder(spec["entry_point"])
        try:
            finder.visit(ast.parse(test["code"]))
        except (SyntaxError, ValueError):
            finder.found.clear()  # replay() says that it is broken
        found.append([[source, None, False] for source in finder.found])
    return found


def _run_rewritten(spec: dict[str, Any], test: dict[str, Any], answers: _Answers) -> None:
    code = _rewritten(test["code"], spec["entry_point"])
    names = _namespace(spec, test)
    names["__outcome__"] = answers.outcome_of
    exec(code, names)


@functools.lru_cache(maxsize=1024)
def _rewritten(source: str, entry: str) -> types.CodeType:
    _compiled(source, "test.py")
    tree = _CallFinder(entry).visit(ast.parse(source))
    code: types.CodeType = compile(ast.fix_missing_locations(tree), "test.py", "exec", 0, True)
    return code


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (type(error).__name__ + (": " + text[0] if text else ""))[:300]


_STREAMS = ("stdin", "stdout", "stderr", "argv", "path")
_TEMPORARY = ("__main__", "test_solution", _MODULE, "pytest")


@functools.lru_cache(maxsize=256)
def _parsed_order(order: bytes) -> tuple[dict[str, Any], str]:
    """Returns an order and its text; it must not be changed, the same comes again and again."""
    text = order.decode()
    return json.loads(text), text


def _parsed_outcomes(lines: bytes, count: int) -> list[Any]:
    """Returns one outcome per line; a line that is none, which only a program writes, is an error.

    The lines come from the program's process as they are.
    """
    outcomes: list[Any] = []
    try:
        if not plain_data.has_too_many_parts(lines):
            outcomes = json.loads(b"[" + lines.replace(b"\n", b",")[:-1] + b"]")
        else:
            outcomes = [_parsed_line(line) for line in lines.splitlines()]
    except (ValueError, RecursionError, MemoryError):
        outcomes = []
    if len(outcomes) != count:
        outcomes = []
    forged = {"error": "the program sent something else than an outcome", "kind": ""}
    for index, outcome in enumerate(outcomes):
        if not isinstance(outcome, dict) or not ("value" in outcome or "kind" in outcome):
            outcomes[index] = forged
        elif "value" not in outcome:
            good = isinstance(outcome["kind"], str) and isinstance(outcome.get("error"), str)
            outcomes[index] = outcome if good else forged
    return outcomes + [forged] * (count - len(outcomes))


def _parsed_line(line: bytes) -> Any:
    return None if plain_data.has_too_many_parts(line) else json.loads(line)


def main(order: bytes, lines: bytes = b"") -> str:
    """Returns the JSON report of the JSON order `order`: the one entry that the judge calls.

    Args:
      order: "record", "expressions" or "replay", with the problem's tests and helpers.
      lines: for "replay", the outcomes of all calls, a line of JSON each.
    """
    spec, text = _parsed_order(order)
    modules = sys.modules
    held = {name: modules[name] for name in _TEMPORARY if name in modules}
    streams = [getattr(sys, name) for name in _STREAMS]
    recursion, folder = sys.getrecursionlimit(), os.getcwd()  # noqa: PTH109 -- the faster
    # What only few tests touch is kept aside only for those that name it.
    deep = "builtins" in text or "sys" in text
    kept = (dict(builtins.__dict__), dict(modules), list(sys.path)) if deep else None
    digits = sys.get_int_max_str_digits()
    if digits:
        sys.set_int_max_str_digits(0)
    try:
        if spec["order"] == "replay":
            count = sum(len(test["calls"]) for test in spec["tests"])
            return json.dumps(replay(spec, _parsed_outcomes(lines, count)))
        return json.dumps({"record": record, "expressions": expressions}[spec["order"]](spec))
    finally:
        if kept is not None:
            builtins.__dict__.update(kept[0])
            for name in set(builtins.__dict__) - set(kept[0]):
                delattr(builtins, name)
            modules.update(kept[1])
        for name in _TEMPORARY:
            modules.pop(name, None)
        modules.update(held)
        for name, stream in zip(_STREAMS, streams, strict=True):
            setattr(sys, name, stream)
        if kept is not None:
            sys.path[:] = kept[2]
        if sys.getrecursionlimit() != recursion:
            sys.setrecursionlimit(recursion)
        sys.set_int_max_str_digits(digits)
        if os.getcwd() != folder:  # noqa: PTH109
            os.chdir(folder)
        if "decimal" in text:
            import decimal

            decimal.setcontext(decimal.Context())
        if "signal" in text:
            _end_alarms()


def _end_alarms() -> None:
    import signal

    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def answer(order: bytes) -> bytes:
    """Answers orders as a service; an order that fails says so, and the next one is served."""
    try:
        head, _, lines = order.partition(b"\n")
        return main(head, lines).encode()
    except BaseException as error:
        return json.dumps({"error": _one_line(error)}).encode()
