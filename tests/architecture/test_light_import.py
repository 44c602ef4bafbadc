"""`import coding_envs` registers environments, and does nothing else; names that exist."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import coding_envs

HEAVY = {"torch", "pufferlib", "datasets", "stable_baselines3", "pandas", "pyarrow", "matplotlib"}
PACKAGES = ["coding_envs"] + [
    f"coding_envs.{module.name}"
    for module in pkgutil.iter_modules(coding_envs.__path__)
    if module.name not in ("__main__", "_problems")
]
SCRIPT = """
import json, os, pathlib, sys, threading
import coding_envs
import gymnasium
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "children": pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split(),
    "threads": threading.active_count(),
    "environments": sorted(n for n in gymnasium.registry if n.startswith("CodingProblem")),
}))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a bare import loads and leaves, in a process and a folder of its own."""
    folder = tmp_path_factory.mktemp("bare")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(folder.iterdir()) == []
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_nothing_heavy_is_loaded(imported: dict[str, list[str]]) -> None:
    assert set(imported["modules"]) & HEAVY == set()
    assert {"coding_envs", "gymnasium", "numpy"} <= set(imported["modules"])


def test_no_process_and_no_thread_is_started(imported: dict[str, list[str]]) -> None:
    assert imported["children"] == []
    assert imported["threads"] == 1


def test_environments_are_registered(imported: dict[str, list[str]]) -> None:
    assert len(imported["environments"]) == 2 * (1 + len(coding_envs.data.dataset_names()))
    assert {
        *("CodingProblem-v0", "CodingProblem-Text-v0"),
        *("CodingProblem-HumanEval-v0", "CodingProblem-HumanEval-Text-v0"),
        *("CodingProblem-MBPP-v0", "CodingProblem-MBPP-Text-v0"),
    } <= set(imported["environments"])


def test_making_the_token_environment_loads_nothing_heavy() -> None:
    script = (
        "import sys, gymnasium, coding_envs\n"
        "from coding_envs.sandbox import FakeSandbox\n"
        "gymnasium.make('CodingProblem-v0', sandbox=FakeSandbox(lambda run: None)).reset(seed=0)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & HEAVY == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    public = getattr(module, "__all__", None)
    if public is None:  # integrations: one module each, none of them imported for all
        assert name in ("coding_envs.integrations",)
        return
    assert len(set(public)) == len(public)
    for one in public:
        assert getattr(module, one) is not None, f"{name}.{one}"


TRAINER = (
    *("checkpoint", "cli", "commands", "config", "dashboard", "interrupt", "learning_curve"),
    *("loading", "loggers", "main_job", "plots", "policies", "pufferl", "sweep"),
)


@pytest.mark.parametrize("name", ["", *(f".{name}" for name in TRAINER)])
def test_public_names_of_the_trainer_exist(name: str) -> None:
    module = importlib.import_module(f"coding_envs_trainer{name}")
    for one in module.__all__:
        assert getattr(module, one) is not None


def test_an_unknown_name_of_a_lazy_package_is_an_attribute_error() -> None:
    module: ModuleType = importlib.import_module("coding_envs.envs")
    with pytest.raises(AttributeError, match="CodingPuferEnv"):
        module.CodingPuferEnv  # noqa: B018


def test_the_bundled_problems_are_reached_by_one_path() -> None:
    root = Path(coding_envs.__file__).parent
    assert (root / "_problems" / "README.md").is_file()
