"""How many programs a second are judged in each language, and what compiling costs.

    python benchmarks/languages.py [--workers 1] [--runs 1000]

Each verdict is one run of a compiled program, its output compared; compiling is timed apart, on a
program that includes all of the standard library (C++) and on one that includes little.
"""

from __future__ import annotations

import argparse
import time

from coding_envs.judge import Judge
from coding_envs.languages import language
from coding_envs.problem import Problem, StdioTest

SUMS = {
    "c": "#include <stdio.h>\nint main() { long a, b; scanf(\"%ld %ld\", &a, &b); "
    "printf(\"%ld\\n\", a + b); }",
    "cpp": "#include <iostream>\nint main() { long a, b; std::cin >> a >> b; "
    "std::cout << a + b << \"\\n\"; }",
    "javascript": "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number);\n"
    "console.log(a + b);",
    "python": "print(sum(map(int, input().split())))",
}  # fmt: skip
ALL = "#include <bits/stdc++.h>\n"


def problem(name: str) -> Problem:
    return Problem("bench", "sum", "", language=name, hidden_tests=(StdioTest("20 22", "42"),))


def seconds(judge: Judge, name: str, program: str) -> float:
    started = time.perf_counter()
    verdict = judge.judge(problem(name), program)
    assert verdict.accepted, verdict
    return time.perf_counter() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--runs", type=int, default=1000)
    given = options.parse_args()
    with Judge(workers=given.workers) as judge:
        for name, program in SUMS.items():
            if not language(name).available():
                print(f"{name}: {language(name).missing()}")
                continue
            seconds(judge, name, program)  # its workers start
            compiled = [seconds(judge, name, program + " " * n) for n in range(1, 6)]
            again = [seconds(judge, name, program) for _ in range(20)]
            runs = given.runs if name != "javascript" else given.runs // 10
            started = time.perf_counter()
            verdicts = judge.judge_many([(problem(name), program)] * runs)
            rate = runs / (time.perf_counter() - started)
            cpu_ms = 1000 * sum(v.cpu_time_s for v in verdicts) / runs
            print(
                f"{name}: {rate:.0f} programs/s with {given.workers} workers; new program "
                f"{min(compiled):.3f} s, again {1000 * sorted(again)[10]:.1f} ms; "
                f"{cpu_ms:.2f} ms CPU each"
            )
        if language("cpp").available():
            took = min(seconds(judge, "cpp", ALL + SUMS["cpp"] + " " * n) for n in range(3))
            print(f"cpp with <bits/stdc++.h>: new program {took:.3f} s")


if __name__ == "__main__":
    main()
