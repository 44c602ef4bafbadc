import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.judge.syntax import quick_syntax_error
from coding_envs.tokens import make_tokenizer

WRITER = make_tokenizer("starter")


@pytest.mark.parametrize("program", ["def f(:", "x ==== 1", "return = 3", "f(1", "if True:\nx"])
def test_errors_are_found(program):
    assert quick_syntax_error(program).startswith(("SyntaxError", "IndentationError"))


@pytest.mark.parametrize(
    "program",
    [
        "x = 1",
        "print('\\d')",
        "'\\d' +",
        "0in [1] +",
        "(" * 100,
        "x = (" * 30 + "1",
        "1 +" + " " * 1000,
        "é = = 1",
        "a\0b",
        "",
    ],
)
def test_no_telling(program):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quick_syntax_error(program) is None


@given(st.lists(st.integers(1, WRITER.num_actions - 1), max_size=12))
def test_agrees_with_the_compiler(actions):
    program = "def f(x):\n    return " + WRITER.decode_actions(actions)
    error = quick_syntax_error(program)
    if error is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SyntaxError):
                compile(program, "main.py", "exec")
