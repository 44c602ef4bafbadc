"""The judge's verdicts on the bundled problems: references pass, known-wrong programs do not."""

import pytest

from coding_envs.data import load_bundled
from coding_envs.judge import Judge

pytestmark = pytest.mark.nsjail


@pytest.fixture(scope="module")
def judge():
    with Judge(workers=2) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("config", ["starter", "basic"])
def test_references_are_accepted_and_wrong_programs_are_not(judge, config, split):
    pairs = []
    expected = []
    for problem in load_bundled(config, split):
        for program in problem.solutions:
            pairs.append((problem, program))
            expected.append(True)
        for program in problem.wrong_solutions:
            pairs.append((problem, program))
            expected.append(False)
    verdicts = judge.judge_many(pairs)
    assert len(verdicts) == len(pairs)
    surprises = [
        (problem.uid, str(verdict.status), verdict.message, program)
        for (problem, program), verdict, good in zip(pairs, verdicts, expected, strict=True)
        if verdict.accepted is not good or verdict.status.is_fault_of_ours
    ]
    assert surprises == []


@pytest.mark.parametrize("config", ["starter", "basic"])
def test_a_completion_is_judged_as_the_whole_program(judge, config):
    pairs = []
    for problem in load_bundled(config, "test")[:8]:
        program = problem.solutions[0]
        completion = program.removeprefix(problem.starter_code)
        pairs.append((problem, problem.assemble(completion)))
    assert all(verdict.accepted for verdict in judge.judge_many(pairs))
