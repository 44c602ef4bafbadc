"""GraderConformance: the conformance suite as pytest tests, one per case."""

from __future__ import annotations

from typing import Any, ClassVar

from .cases import KINDS, Case, load_cases
from .conformance import Grader, run_case

__all__ = ["GraderConformance"]


class GraderConformance:
    """A base class for tests of a grader, which makes one test per case.

        class TestMyGrader(GraderConformance):
            grader = staticmethod(my_grader)

    Attributes:
      grader: what is tested.
      kinds: the kinds of cases to run.
      timeout_s: see `run_conformance`.
      harmful: see `run_conformance`.
    """

    grader: ClassVar[Grader]
    kinds: ClassVar[tuple[str, ...]] = KINDS
    timeout_s: ClassVar[float] = 10.0
    harmful: ClassVar[bool] = False

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Called by pytest, once per test function: gives `test_case` its cases."""
        if "conformance_case" in metafunc.fixturenames:
            cases = [case for kind in self.kinds for case in load_cases(kind)]
            cases = [case for case in cases if self.harmful or not case.harmful]
            metafunc.parametrize("conformance_case", cases, ids=[case.id for case in cases])

    def test_case(self, conformance_case: Case) -> None:
        """The grader does as it must."""
        outcome = run_case(type(self).grader, conformance_case, timeout_s=self.timeout_s)
        assert outcome.passed, f"{conformance_case.id}: {outcome.got}: {outcome.message}"
