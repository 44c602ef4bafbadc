"""The naive graders of `coding_envs.testing.naive` against the conformance suite.

    python benchmarks/conformance.py [--jobs 2] [--record] [--kind exploits] [--grader NAME ...]

Prints, as a Markdown table, how many cases of each kind each grader gets wrong. The programs run
WITHOUT any sandbox, as the user who calls this: use a machine that you can spare. Cases marked as
harmful are left out all the same.

`--record` writes into each exploit's file which naive graders accept it (`# defeats: ...`);
`tests/contract/test_conformance.py` checks that every exploit defeats one, or is an attempt to
hang, exhaust or escape. A grader that is not measured keeps what its files say.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path

from coding_envs import Judge
from coding_envs.testing import KINDS, Case, Grader, Outcome, Report, load_cases, run_conformance
from coding_envs.testing.naive import NAIVE_GRADERS

CASES = Path(__file__).parents[1] / "tests" / "conformance"


def record(accepted: dict[str, list[str]], measured: list[str], cases: tuple[Case, ...]) -> None:
    """Writes the line `# defeats: ...` of each exploit."""
    for case in cases:
        names = list(dict.fromkeys([*NAIVE_GRADERS, *case.defeats]))
        known = [n for n in case.defeats if n not in measured]
        defeats = [n for n in names if n in known or n in accepted[case.id]]
        path = CASES / case.kind / f"{case.name}.py"
        header, gap, program = path.read_bytes().decode().partition("\n\n")
        lines = [line for line in header.split("\n") if not line.startswith("# defeats:")]
        lines += [f"# defeats: {', '.join(defeats)}"] if defeats else []
        path.write_bytes(("\n".join(lines) + gap + program).encode())


def _accepted(report: Report, kind: str, accepted: bool) -> str:
    found = [o.got == "accepted" for o in report.outcomes if o.case.kind == kind]
    return f"{sum(got == accepted for got in found)} of {len(found)}"


def main() -> None:
    """Runs the graders one after another."""
    parser = argparse.ArgumentParser(description="naive graders against the conformance suite")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--record", action="store_true")
    known = [*NAIVE_GRADERS, "judge"]
    parser.add_argument("--grader", action="append", choices=known)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    graders: dict[str, Grader] = dict(NAIVE_GRADERS)
    names = options.grader or [*graders, "judge"]
    cases = load_cases(options.kind)
    accepted: dict[str, list[str]] = {case.id: [] for case in cases}
    reports = {}

    def progress(name: str, outcome: Outcome) -> None:
        if outcome.got == "accepted" and not outcome.case.must_be_accepted:
            accepted[outcome.case.id].append(name)

    print("| grader | idioms not accepted | wrong accepted | exploits that win | seconds |")
    print("|---|---|---|---|---|")
    for name in names:
        note = functools.partial(progress, name)
        if name == "judge":
            with Judge(workers=options.jobs) as judge:
                report = run_conformance(judge.judge, cases, jobs=options.jobs, progress=note)
        else:
            report = run_conformance(graders[name], cases, jobs=options.jobs, progress=note)
        reports[name] = report.to_json()
        bad = [_accepted(report, kind, kind != "idioms") for kind in report.by_kind]
        print(f"| `{name}` | {' | '.join(bad)} | {report.seconds:.0f} |", flush=True)
    if options.record:
        record(accepted, names, tuple(case for case in cases if case.kind == "exploits"))
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
