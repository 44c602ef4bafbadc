"""Objects of the program's own classes in test files: they stay in its process, tests hold handles.

A test file may make objects of the program's classes and look at them. Each step of that (making
one, calling a method, reading an attribute, an operator) is a call in the program's process, made
there in the order of the test, so that objects keep their state between steps. What cannot cross as
plain data is kept there in a list; what crosses is its number, as the tuple `(MARK, number, name of
its class)`, and the tester puts a handle in its place.

What is a method and what a value, and which operators there are, is read off the reference's class
of the same name.

Used on both sides: the host sends `SETUP` into the program's process; the tester, in a jail of its
own, makes the handles. Standard library alone.
"""

from __future__ import annotations

import types
from typing import Any

__all__ = ["MARK", "SETUP", "Objects"]

MARK = "__held__"

# Runs in the program's names. A program that changes these functions changes its own claims alone.
SETUP = """
def __objects__(mark):
    import plain_data
    held, plain = [], {int, str, float, bool, type(None), bytes, complex}
    def show(value):
        kind = type(value)
        if kind in plain:
            return value
        if kind is list or kind is tuple:
            return kind([show(v) for v in value])
        if kind is dict:
            return {k if type(k) in plain else show(k): show(v) for k, v in value.items()}
        if kind.__module__ not in ("solution", "__main__"):
            if hasattr(kind, "__next__"):
                return value
            try:
                plain_data.encode(value)
                return value
            except ValueError:
                pass
        for number, one in enumerate(held):
            if one is value:
                break
        else:
            number = len(held)
            held.append(value)
        return (mark, number, kind.__name__)
    def real(value):
        kind = type(value)
        if kind is tuple and len(value) == 3 and value[0] == mark:
            return held[value[1]]
        if kind is list or kind is tuple or kind is dict:
            parts = list(value.values() if kind is dict else value)
            found = [real(v) for v in parts]
            if any(a is not b for a, b in zip(parts, found)):
                return dict(zip(value, found)) if kind is dict else kind(found)
        return value
    def use(target):
        def call(*args, **kwargs):
            args = [real(v) for v in args]
            return show(target(*args, **{k: real(v) for k, v in kwargs.items()}))
        return call
    return held, show, use
__held__, __show__, __use__ = __objects__("__held__")
"""

# What is done to an object under a special name: which function does it in the program's process.
_BUILTINS = {
    f"__{name}__": name
    for name in ("len", "iter", "str", "repr", "bool", "hash", "int", "float", "abs")
}
_ARITHMETIC = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
    *("and", "or", "xor", "lshift", "rshift"),
)
_OPERATORS = frozenset(
    f"__{name}__"
    for name in (
        *("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "invert", "index", "contains"),
        *("getitem", "setitem", "delitem", *_ARITHMETIC, *(f"i{name}" for name in _ARITHMETIC)),
    )
)
_REFLECTED = frozenset(f"__r{name}__" for name in _ARITHMETIC)
_METHODS = frozenset(("__enter__", "__reversed__", "__round__", "__divmod__"))
_END = "__end__"


class Handle:
    """Stands for an object in the program's process."""


class Objects:
    """The handles of one run of a test.

    Args:
      answers: answers calls: the tester's.
      reference: the reference solution's names.
      fault: the exception that says that the test cannot be judged.
    """

    def __init__(self, answers: Any, reference: dict[str, Any], fault: type[BaseException]) -> None:
        self._answers, self._reference, self._fault = answers, reference, fault
        self._classes: dict[str, type] = {}
        self._handles: dict[int, Handle] = {}

    def call(self, expression: str, args: Any, kwargs: dict[str, Any], looks: bool) -> Any:
        """Returns what the expression's value returns, called in the program's process."""
        lowered = {name: _lowered(value) for name, value in kwargs.items()}
        use = f"__use__({expression})"
        return self._lifted(self._answers.call(use, tuple(map(_lowered, args)), lowered, looks))

    def read(self, expression: str) -> Any:
        """Returns the expression's value."""
        return self._lifted(self._answers.read(f"__show__({expression})"))

    def class_of(self, name: str) -> type:
        """Returns the class that stands for the program's class of that name."""
        if name not in self._classes:
            self._classes[name] = self._make_class(name)
        return self._classes[name]

    def _member(self, owner: type, expression: str, name: str) -> Any:
        """Returns what an object or a class has under `name`: a method, or a value."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        found = getattr(owner, name, None)
        if callable(found) and not isinstance(found, type):
            return lambda *args, **kwargs: self.call(f"{expression}.{name}", args, kwargs, True)
        return self.read(f"{expression}.{name}")

    def _make_class(self, name: str) -> type:
        objects, fault = self, self._fault
        named = self._reference.get(name)
        # Else such as a closure: what can be done is to call it.
        owner: type = named if isinstance(named, type) else types.FunctionType

        class Meta(type):
            def __getattr__(cls, member: str) -> Any:
                return objects._member(owner, name, member)

            def __iter__(cls) -> Any:  # of an Enum
                return iter(objects.read(f"list({name})"))

            def __getitem__(cls, key: Any) -> Any:
                return objects.call(f"{name}.__getitem__", (key,), {}, False)

        def make(_cls: type, *args: Any, **kwargs: Any) -> Any:
            return objects.call(name, args, kwargs, True)

        def get(self: Handle, member: str) -> Any:
            return objects._member(owner, _name_of(self), member)

        def change(self: Handle, member: str, value: Any) -> None:
            objects.call("setattr", (self, member, value), {}, True)

        def refuse(_cls: type, /, **_: Any) -> None:
            raise fault(f"it derives from the class {name!r} of the program itself")

        members: dict[str, Any] = {
            "__new__": make,
            "__getattr__": get,
            "__setattr__": change,
            "__init_subclass__": classmethod(refuse),
            "__module__": owner.__module__,
        }
        for member in dir(owner):
            own = getattr(owner, member, None)
            if own is not getattr(object, member, None):
                operator = None if own is None else self._operator(member)
                if operator is not None or member in ("__eq__", "__hash__"):
                    members[member] = operator
        return Meta(name, (Handle,), members)

    def _operator(self, member: str) -> Any:
        """Returns what the handle's class has under a special name; None where it has nothing."""
        call = self.call
        if member in _BUILTINS:
            return lambda one: call(_BUILTINS[member], (one,), {}, False)
        if member in _OPERATORS:
            function = f"__import__('operator').{member}"
            return lambda one, *others: call(function, (one, *others), {}, True)
        if member in _REFLECTED:
            function = f"__import__('operator').__{member[3:]}"
            return lambda one, other: call(function, (other, one), {}, True)
        if member in _METHODS:
            return lambda one, *args: call(f"{_name_of(one)}.{member}", args, {}, True)
        if member == "__call__":
            return lambda one, *args, **kwargs: call(_name_of(one), args, kwargs, True)
        if member == "__next__":
            return lambda one: self._next(one)
        if member == "__exit__":  # an exception and its trace cannot cross
            return lambda one, *_: call(f"{_name_of(one)}.__exit__", (None, None, None), {}, False)
        return None

    def _next(self, one: Handle) -> Any:
        value = self.call("next", (one, _END), {}, False)
        if value == _END:
            raise StopIteration
        return value

    def _lifted(self, value: Any) -> Any:
        """Puts handles in the place of their numbers."""
        kind = type(value)
        if kind is tuple and len(value) == 3 and value[0] == MARK:
            _, number, name = value
            if number not in self._handles:
                handle: Handle = object.__new__(self.class_of(str(name)))
                handle.__dict__["number"] = int(number)
                self._handles[number] = handle
            return self._handles[number]
        if kind is list or kind is tuple:
            return kind([self._lifted(v) for v in value])
        if kind is dict:
            return {self._lifted(k): self._lifted(v) for k, v in value.items()}
        return value


def _name_of(handle: Handle) -> str:
    return f"{MARK}[{handle.__dict__['number']}]"


def _lowered(value: Any) -> Any:
    """Puts the numbers of handles in their place; what holds none stays the same object."""
    if isinstance(value, Handle):
        return (MARK, value.__dict__["number"], type(value).__name__)
    kind = type(value)
    if kind is list or kind is tuple or kind is dict:
        parts = list(value.values() if kind is dict else value)
        lowered = [_lowered(part) for part in parts]
        if any(a is not b for a, b in zip(parts, lowered, strict=True)):
            return dict(zip(value, lowered, strict=True)) if kind is dict else kind(lowered)
    return value
