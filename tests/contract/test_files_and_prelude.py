# ruff: noqa: E501 -- programs and tables, a case a line
"""Problems whose programs read and write files, and what runs before a program, in the jail."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

from coding_envs.errors import InvalidValueError
from coding_envs.judge import Judge
from coding_envs.languages import language
from coding_envs.problem import (
    CallTest,
    CodeTest,
    InteractiveTest,
    JudgeProgram,
    Limits,
    Problem,
    StdioTest,
)
from coding_envs.sandbox import Ended, Run, make_sandbox
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail
GOOD, WRONG = Status.ACCEPTED, Status.WRONG_ANSWER
TESTS = tuple(StdioTest(f"{n} 3\n", f"{n + 3}\n") for n in range(3))
READS = "a, b = map(int, open('input.txt').read().split())\n"
WRITES = "out = open('output.txt', 'w')\nout.write(str(a + b))\n"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=4) as made:
        yield made


def problem(*tests: Any, **more: Any) -> Problem:
    return Problem(dataset="test", key="files", prompt="?", hidden_tests=tests or TESTS, **more)


FILES = {"input_file": "input.txt", "output_file": "output.txt"}


class TestFiles:
    @pytest.mark.parametrize(
        ("program", "status"),
        [
            (READS + WRITES, GOOD),  # closed by the interpreter
            (READS + WRITES + "out.close()\nimport os\nos._exit(0)", GOOD),
            (READS + "import os\nfd = os.open('output.txt', os.O_WRONLY)\nos.write(fd, b'%d' % (a + b))", GOOD),
            (READS + "import pathlib\npathlib.Path('/tmp/output.txt').write_text(f'{a + b}')", GOOD),
            (READS + "print('noise')\n" + WRITES, GOOD),
            (READS + "import os\nos.chdir('/')\nopen('/tmp/output.txt', 'a').write(f'{a + b}')", GOOD),
            (READS + "print(a + b)", WRONG),
            (READS + WRITES + "out.close()\nopen('output.txt', 'w')", WRONG),
            (READS + "import os\nos.remove('output.txt')\n" + WRITES, WRONG),
            (READS + "import os\nos.remove('output.txt')\nos.symlink('input.txt', 'output.txt')", WRONG),
            ("input()", Status.RUNTIME_ERROR),  # standard input is empty
            (READS + WRITES + "1 / 0", Status.RUNTIME_ERROR),
        ],
    )  # fmt: skip
    def test_python(self, judge: Judge, program: str, status: Status) -> None:
        assert judge.judge(problem(**FILES), program).status is status

    def test_one_of_the_two(self, judge: Judge) -> None:
        reads = problem(input_file="data.in")
        assert judge.judge(reads, "print(sum(map(int, open('data.in').read().split())))").accepted
        writes = problem(output_file="data.out")
        program = "open('data.out', 'w').write(str(sum(map(int, input().split()))))"
        assert judge.judge(writes, program).accepted

    @pytest.mark.skipif(not language("cpp").available(), reason="needs g++")
    def test_cpp(self, judge: Judge) -> None:
        program = (
            '#include <cstdio>\nint main() {{ freopen("input.txt", "r", stdin); {}'
            'int a, b; scanf("%d%d", &a, &b); printf("%d", a + b); }}'
        )
        writes = 'freopen("output.txt", "w", stdout); '
        files = problem(**FILES, language="cpp")
        assert judge.judge(files, program.format(writes)).status is GOOD
        assert judge.judge(files, program.format("")).status is WRONG

    @pytest.mark.skipif(not language("javascript").available(), reason="needs node")
    def test_javascript(self, judge: Judge) -> None:
        program = (
            "const fs = require('fs');\n"
            "const [a, b] = fs.readFileSync('input.txt', 'utf8').split(' ').map(Number);\n"
            "fs.writeFileSync('output.txt', `${a + b}\\n`);"
        )
        assert judge.judge(problem(**FILES, language="javascript"), program).status is GOOD

    def test_a_checker_sees_the_file(self, judge: Judge) -> None:
        checker = JudgeProgram(
            "import sys\nprint(int(open(sys.argv[3]).read() == open(sys.argv[2]).read().strip()))",
            protocol="script",
        )
        assert judge.judge(problem(**FILES, checker=checker), READS + WRITES).status is GOOD
        assert judge.judge(problem(**FILES, checker=checker), READS).status is WRONG

    def test_too_much_of_it(self, judge: Judge) -> None:
        limits = Limits(output_bytes=10_000)
        files = problem(TESTS[0], **FILES, limits=limits)
        program = "open('output.txt', 'w').write('x' * {})"
        assert judge.judge(files, program.format(10_001)).status is Status.OUTPUT_LIMIT_EXCEEDED
        assert judge.judge(files, program.format(10_000)).status is WRONG
        sparse = "open('output.txt', 'wb').truncate(1 << 40)"
        status = judge.judge(files, sparse).status
        assert status in (Status.RUNTIME_ERROR, Status.OUTPUT_LIMIT_EXCEEDED)

    def test_no_descriptor_stays(self, judge: Judge) -> None:
        judge.judge(problem(**FILES), READS + WRITES)
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for program in (READS + WRITES + "#", "1 / 0 #", "import os\nos.abort() #"):
            judge.judge(problem(**FILES), program)
        assert len(os.listdir("/proc/self/fd")) <= before + 1

    def test_a_program_that_sends_descriptors_of_its_own(self) -> None:
        """What comes on the channel after the program has begun is not the file."""
        program = (
            "import os, socket, array\n"
            "open('output.txt', 'w').write('right')\n"
            "fd = os.open('other', os.O_RDWR | os.O_CREAT)\nos.write(fd, b'wrong')\n"
            "s = socket.socket(fileno=3)\n"
            "for _ in range(50):\n"
            "    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))\n"
            "    s.sendmsg([b'{}\\n'], [rights])\n"
        )
        with make_sandbox("nsjail", workers=1) as sandbox:
            sandbox.submit(Run("1", output_file="output.txt")).result()
            before = len(os.listdir("/proc/self/fd"))
            result = sandbox.submit(Run(program, output_file="output.txt")).result()
            assert (result.ended, result.stdout) == (Ended.EXITED, b"right"), result.stderr
            assert len(os.listdir("/proc/self/fd")) <= before

    def test_names_are_checked(self) -> None:
        for name in ("a/b", "..", ".", "x\0", "/tmp/x"):
            with pytest.raises(InvalidValueError, match="output_file must be a file's name"):
                problem(output_file=name)
        with pytest.raises(InvalidValueError, match="output_file must be another"):
            problem(input_file="x", output_file="x")
        with pytest.raises(InvalidValueError, match=r"without '\.\.'"):
            Run("1", output_file="../x")
        with pytest.raises(InvalidValueError, match="must be a script"):
            Run("1", output_file="x", calls=())

    def test_they_count_in_fingerprints(self) -> None:
        prints = {problem(**FILES).fingerprint(), problem().fingerprint()}
        prints |= {problem(**{name: file}).fingerprint() for name, file in FILES.items()}
        assert len(prints) == 4
        assert Problem.from_json(problem(**FILES).to_json()) == problem(**FILES)


class TestPrelude:
    PRELUDE = "from math import *\nfrom typing import *\nclass Node:\n    pass\n"

    @pytest.mark.parametrize(
        "program",
        [
            "print(int(sqrt(int(input()))))",
            "from __future__ import annotations\ndef f(x: List[int]): return Node\nf(1)\nprint(isqrt(int(input())))",
            '"""What it does."""\nassert __doc__\nprint(floor(sqrt(int(input()))))',
            "sqrt = lambda x: x // 2\nprint(sqrt(int(input())))",
        ],
    )  # fmt: skip
    def test_standard_input(self, judge: Judge, program: str) -> None:
        test = StdioTest("4", "2")
        assert judge.judge(problem(test, prelude=self.PRELUDE), program).status is GOOD
        assert judge.judge(problem(test), "print(int(sqrt(int(input()))))").status is not GOOD

    def test_calls(self, judge: Judge) -> None:
        called = problem(CallTest(([4],), 2), entry_point="Solution().f", prelude=self.PRELUDE)
        program = (
            "class Solution:\n    def f(self, x: List[int]) -> int:\n        return int(sqrt(x[0]))"
        )
        assert judge.judge(called, program).status is GOOD

    def test_code_tests_see_it(self, judge: Judge) -> None:
        test = CodeTest(
            "def check(candidate):\n    assert candidate(4) == int(sqrt(4))", check="check"
        )
        program = "def f(x: Optional[int]):\n    return int(sqrt(x))"
        options: dict[str, Any] = {"entry_point": "f", "prelude": self.PRELUDE}
        for solutions in ((program,), ()):
            checked = problem(test, solutions=solutions, **options)
            assert judge.judge(checked, program).status is GOOD
            assert judge.judge(checked, program + " + 1").status is WRONG
        function = CodeTest(
            "from solution import f\ndef test_f():\n    assert f(4) == 2", function="test_f"
        )
        checked = problem(function, solutions=(program,), **options)
        assert judge.judge(checked, program).status is GOOD

    def test_lines_of_the_program_are_its_own(self, judge: Judge) -> None:
        verdict = judge.judge(problem(prelude=self.PRELUDE), "x = 1\n1 / 0")
        assert 'File "main.py", line 2' in verdict.stderr

    def test_one_that_fails_says_so(self, judge: Judge) -> None:
        verdict = judge.judge(problem(prelude="import no_such_module"), "print(1)")
        assert verdict.status is Status.RUNTIME_ERROR
        assert "no_such_module" in verdict.message

    def test_an_interactor_beside_it(self, judge: Judge) -> None:
        interactor = JudgeProgram(
            "import sys\nprint(4, flush=True)\nsys.exit(0 if input() == '2' else 1)"
        )
        talk = problem(InteractiveTest(""), interactor=interactor, prelude=self.PRELUDE)
        assert judge.judge(talk, "print(isqrt(int(input())), flush=True)").status is GOOD

    @pytest.mark.skipif(not language("cpp").available(), reason="needs g++")
    def test_other_languages(self, judge: Judge) -> None:
        prelude = "#include <cstdio>\nusing namespace std;\n"
        program = 'int main() { int a, b; scanf("%d%d", &a, &b); printf("%d", a + b); }'
        assert judge.judge(problem(language="cpp", prelude=prelude), program).status is GOOD
        assert judge.judge(problem(language="cpp"), program).status is Status.COMPILE_ERROR

    @pytest.mark.skipif(not language("cpp").available(), reason="needs g++")
    def test_python_beside_an_interactor_of_another_language(self, judge: Judge) -> None:
        interactor = JudgeProgram(
            '#include <cstdio>\nint main() { puts("4"); fflush(stdout); int x; scanf("%d", &x); return x != 2; }',
            language="cpp",
        )
        talk = problem(InteractiveTest(""), interactor=interactor, prelude=self.PRELUDE)
        program = "from __future__ import annotations\nprint(isqrt(int(input())), flush=True)"
        assert judge.judge(talk, program).status is GOOD

    def test_it_counts_in_fingerprints(self) -> None:
        one = problem(prelude="import math\n")
        assert one.fingerprint() != problem().fingerprint()
        assert Problem.from_json(one.to_json()) == one


def test_ints_beyond_the_limit_on_digits_can_be_shown(judge: Judge) -> None:
    test = CallTest((10**5000,), 10**5000)
    shown = Problem(dataset="d", key="k", prompt="?", entry_point="f", public_tests=(test,))
    assert judge.judge(shown, "def f(x):\n    return x").status is GOOD
    verdict = judge.judge(shown, "def f(x):\n    return x + 1")
    assert verdict.status is WRONG
    assert "thousands of digits" in verdict.message
