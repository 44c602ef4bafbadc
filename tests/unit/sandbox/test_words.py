"""The guess at what a program will do, from the names in its text."""

from __future__ import annotations

import pytest

from coding_envs.sandbox import WordFinder

finder = WordFinder("open", "mkdir", modules=("os", "socket", "concurrent"))


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "with open(0) as f: pass",
        "x = 1\nimport os",
        "from os import path",
        "import sys, os",
        "import json\nimport os as o\n",
        "from concurrent.futures import (\n    Future,\n)",
        "s = __import__('socket')",
        "import importlib\nimportlib.import_module('socket')",
        "for d in x: d.mkdir()",
    ],
)
def test_finds(text: str) -> None:
    assert finder(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import",
        "cost = 1\nopened = 2",
        '"""Count each open brace."""',
        "os = 3",
        "from typing import List\nsocket = 1",
        '"""An important socket of ours."""',
        "import sys\nclose = 1",
    ],
)
def test_finds_none(text: str) -> None:
    assert not finder(text)


def test_without_words_nothing_is_found() -> None:
    assert not WordFinder()("import os; open('x')")
