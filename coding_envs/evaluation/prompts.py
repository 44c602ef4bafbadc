"""What a model is asked for a problem, and the program that its answer makes. Pure."""

from __future__ import annotations

from ..problem import CallTest, Problem, StdioTest
from .extraction import extract_code

__all__ = [
    "chat_prompt",
    "completion_prompt",
    "program_from_answer",
    "program_from_completion",
]

_EXAMPLES = 3
_EXAMPLE_CHARS = 500

# Where a completion of a function ends: at what begins something else at the left margin.
# Source: Chen et al. 2021, section 2.1 (arXiv:2107.03374), and the fences of models that chat.
_STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@", "\nassert ", "\n```", '\n"""')


def chat_prompt(problem: Problem) -> str:
    """Returns what a model that chats is asked: the statement, and what form the answer has."""
    language = {"python": "Python", "cpp": "C++", "c": "C", "javascript": "JavaScript"}.get(
        problem.language, problem.language
    )
    if problem.starter_code.strip():
        task = f"Complete this {language} code so that it solves the problem. Write all of it."
    elif problem.entry_point:
        task = f"Write {language} code that solves the problem, with `{problem.entry_point}` in it."
    else:
        task = (
            f"Write a {language} program that solves the problem. It reads standard input and "
            "writes standard output."
        )
    parts = [task, problem.prompt.strip("\n")]
    if problem.starter_code.strip() and problem.starter_code.strip() not in problem.prompt:
        parts.append(f"```{problem.language}\n{problem.starter_code.rstrip()}\n```")
    parts += _examples(problem)
    parts.append(f"Answer with the whole code in one block that begins with ```{problem.language}.")
    return "\n\n".join(parts)


def completion_prompt(problem: Problem) -> str:
    """Returns what a model that only goes on with a text is given.

    That is the starter code, where there is some (HumanEval's prompt is such); else the statement
    as a docstring, after which the program is to be written (as for MBPP in Fried et al. 2022,
    arXiv:2204.05999).
    """
    if problem.starter_code.strip():
        text = problem.starter_code
        if problem.prompt.strip() in text:
            return text
        return _docstring([problem.prompt, *_examples(problem)]) + text
    return _docstring([problem.prompt, *_examples(problem)])


def program_from_answer(problem: Problem, answer: str) -> str:
    """Returns the whole program that the answer to `chat_prompt` makes.

    See `extract_code` for what of the answer is code, `Problem.assemble` for the rest.
    """
    code = extract_code(answer, problem.language)
    return problem.assemble(code) if code.strip() else ""


def program_from_completion(problem: Problem, completion: str) -> str:
    """Returns the whole program that goes on from `completion_prompt`.

    Where the starter code is to be completed, the completion ends where something else begins at
    the left margin: the next function, a comment, a print, a fence.
    """
    if not problem.starter_code.strip():
        return completion.split("\n```", 1)[0]
    ends = [at for stop in _STOPS if (at := completion.find(stop)) >= 0]
    return problem.starter_code + completion[: min(ends, default=len(completion))]


def _docstring(parts: list[str]) -> str:
    text = "\n\n".join(part.strip("\n") for part in parts)
    return '"""\n' + text.replace("\\", "\\\\").replace('"""', "'''") + '\n"""\n'


def _examples(problem: Problem) -> list[str]:
    """Returns the first public tests as text, where the statement does not hold them already."""
    lines = []
    for test in problem.public_tests[:_EXAMPLES]:
        if isinstance(test, CallTest) and test.compares_value:
            parts = [repr(a) for a in test.args]
            parts += [f"{name}={value!r}" for name, value in test.kwargs.items()]
            name = test.entry_point or problem.entry_point
            text = f"{name}({', '.join(parts)}) == {test.expected!r}"
        elif isinstance(test, StdioTest) and test.input.strip() not in problem.prompt:
            text = f"Input:\n{test.input.rstrip()}\nOutput:\n{test.output.rstrip()}"
        else:
            continue
        if len(text) <= _EXAMPLE_CHARS:
            lines.append(text)
    return ["Examples:\n" + "\n".join(lines)] if lines else []
