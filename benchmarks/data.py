"""How long large datasets take to load, and how much memory: rows of many kilobytes of tests.

    python benchmarks/data.py [--rows 10000] [--mean-kib 150] [--folder DIR] [--json FILE]

Rows have the columns of APPS (statement, solutions and tests as JSON text) and sizes as there: a
log-normal distribution, most rows far below the mean and a few of several megabytes. Each figure is
of a process of its own, with the file in the page cache. `memory` is what the process grew by
beyond its imports, at its peak (VmHWM), mapped files included.

Heads are read in two ways: of small columns alone, and with the column of tests, as a layout does
that finds the kind of tests by a look at their text.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coding_envs import ProblemSet, load_problems
from coding_envs.data import DatasetSpec, Head, register_dataset
from coding_envs.problem import CallTest, Problem, StdioTest

SIGMA = 1.6  # of the logarithm of a row's size: a few of 10,000 rows are a hundred means large


def problem_from_row(
    row: Any, *, config: str, split: str, row_number: int, revision: str
) -> Problem:
    del row_number  # only the dataset's messages would need it
    tests = json.loads(row["input_output"])
    pairs = zip(tests["inputs"], tests["outputs"], strict=True)
    is_call = "fn_name" in tests
    return Problem(
        "large",
        str(row["problem_id"]),
        row["question"],
        config,
        split,
        revision,
        entry_point=tests.get("fn_name", ""),
        hidden_tests=tuple(CallTest(tuple(a), b) if is_call else StdioTest(a, b) for a, b in pairs),
        solutions=tuple(json.loads(row["solutions"])),
        difficulty=row["difficulty"],
    )


def head_from_row(row: Any, *, config: str, split: str, row_number: int) -> Head:
    del config, split, row_number
    style = "call" if '"fn_name"' in row.get("input_output", "") else "stdio"
    return Head(str(row["problem_id"]), difficulty=row["difficulty"], style=style)


SMALL = ("problem_id", "difficulty")
for name, columns in (("large", SMALL), ("large_tests", (*SMALL, "input_output"))):
    register_dataset(
        DatasetSpec(
            name, "rows as of APPS", problem_from_row, head=head_from_row, head_columns=columns
        )
    )


def rows(count: int, mean_bytes: int) -> Iterator[dict[str, Any]]:
    draws = random.Random(0)
    pool = "".join(f"{draws.randrange(10**9)}{' ' if n % 8 else chr(10)}" for n in range(2**18))
    median = mean_bytes / 2.718281828 ** (SIGMA**2 / 2)
    for number in range(count):
        size = min(int(draws.lognormvariate(0, SIGMA) * median), 32 << 20)
        tests: dict[str, Any] = {"inputs": [], "outputs": []}
        while size > 0:
            length = min(size, draws.choice((20, 200, 2_000, 200_000)))
            at = draws.randrange(len(pool) - length)
            tests["inputs"].append(pool[at : at + length])
            tests["outputs"].append(pool[at : at + 20])
            size -= length + 50
        yield {
            "problem_id": number,
            "question": f"Problem {number}. " + "Read the numbers and say their sum. " * 40,
            "solutions": json.dumps(["print(sum(map(int, input().split())))\n"] * 5),
            "input_output": json.dumps(tests),
            "difficulty": draws.choice(("introductory", "interview", "competition")),
            "url": "",
            "starter_code": "",
        }


def write(folder: Path, count: int, mean_bytes: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer, batch, size = None, [], 0
    with (folder / "train.jsonl").open("w") as file:
        for row in rows(count, mean_bytes):
            file.write(json.dumps(row) + "\n")
            batch.append(row)
            size += len(row["input_output"])
            if size > 100 << 20 or row["problem_id"] == count - 1:  # as `datasets` cuts row groups
                table = pa.Table.from_pylist(batch)
                writer = writer or pq.ParquetWriter(folder / "train.parquet", table.schema)
                writer.write_table(table)
                batch, size = [], 0
    assert writer is not None
    writer.close()


# --- what is measured, each in a process of its own -----------------------------------------------


def memory_bytes(which: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in status if line.startswith(which))


def measured(path: Path, name: str) -> dict[str, float]:
    before = memory_bytes("VmRSS:")
    load = functools.partial(load_problems, name, data_files=path)
    seconds: dict[str, float] = {}

    def timed[T](what: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        seconds[what] = time.perf_counter() - started
        return result

    cpu_s = time.process_time()
    problems = timed("build_s", load)
    seconds["build_cpu_s"] = time.process_time() - cpu_s
    assert isinstance(problems, ProblemSet)
    assert problems.is_lazy
    assert not problems.dropped
    seconds["build_memory_mib"] = (memory_bytes("VmHWM:") - before) / 2**20
    timed("where_s", lambda: problems.where({"difficulty": "interview"}))
    timed("first_s", lambda: problems[len(problems) // 2])
    draws = random.Random(1)
    numbers = [draws.randrange(len(problems)) for _ in range(200)]
    timed("random_ms", lambda: [problems[number] for number in numbers])
    seconds["random_ms"] *= 1000 / len(numbers)
    timed("random_again_ms", lambda: [problems[number] for number in numbers])
    seconds["random_again_ms"] *= 1000 / len(numbers)
    timed("iterate_s", lambda: sum(len(problem.tests) for problem in problems))
    seconds["memory_mib"] = (memory_bytes("VmHWM:") - before) / 2**20
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--mean-kib", type=int, default=150)
    parser.add_argument("--folder", type=Path, help="for the files; they stay there")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(Path(options.one[0]), options.one[1])))
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="coding-envs-data-"))
    try:
        if not (folder / "train.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write(folder, options.rows, options.mean_kib << 10)
        found: dict[str, Any] = {}
        for file in ("train.jsonl", "train.parquet"):
            size = (folder / file).stat().st_size
            for name in ("large", "large_tests"):
                with tempfile.TemporaryDirectory(dir=folder) as cache:
                    done = subprocess.run(
                        [sys.executable, __file__, "--one", str(folder / file), name],
                        env={"CODING_ENVS_CACHE": cache, **_environment()},
                        stdout=subprocess.PIPE,
                        check=True,
                    )
                figures = json.loads(done.stdout)
                found[f"{file} {name}"] = figures
                print(f"{file} ({size / 2**30:.2f} GiB), heads of {name}")
                print("  " + "  ".join(f"{key} {value:.3g}" for key, value in figures.items()))
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "CODING_ENVS_CACHE"}


if __name__ == "__main__":
    main()
