"""extract_code: the program in what a model said. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["extract_code"]

# Up to three spaces: what is indented further is a docstring's fence, or a list's.
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*")
_TAGS = {
    "python": ("python", "py", "python3", "py3"),
    "cpp": ("cpp", "c++", "cc", "cxx"),
    "javascript": ("javascript", "js", "node"),
}


@dataclass(frozen=True)
class _Block:
    tag: str
    text: str


def extract_code(text: str, language: str = "python") -> str:
    """Returns the code in a model's answer.

    The rules, in their order:
    1. What stands before the last `</think>` is thought, not answer.
    2. Of the fenced blocks (Markdown's, ``` or ~~~) the last one that is tagged with the language
       is taken; where there is none, the last one without a tag; else the last one of all.
    3. A block that nobody closed ends with the text, as where a model ran out of tokens.
    4. Without any block, the whole text is the code.

    Args:
      text: the answer.
      language: the problem's, as in `Problem.language`.
    """
    if "</think>" in text:
        text = text.rpartition("</think>")[2]
    blocks = _blocks(text)
    if not blocks:
        return text
    tags = _TAGS.get(language, (language,))
    for wanted in (tags, ("",)):
        for block in reversed(blocks):
            if block.tag in wanted:
                return block.text
    return blocks[-1].text


def _blocks(text: str) -> list[_Block]:
    if "```" not in text and "~~~" not in text:
        return []
    blocks: list[_Block] = []
    fence, tag, lines = "", "", [""]
    for line in text.splitlines(keepends=True):
        mark = _FENCE.fullmatch(line.rstrip("\r\n"))
        if not fence and mark:
            fence, tag, lines = mark[1], mark[2].casefold().strip("{}."), []
        elif fence and line.strip() and _closes(line, fence):
            blocks.append(_Block(tag, "".join(lines)))
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        blocks.append(_Block(tag, "".join(lines)))
    return blocks


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    indented = len(line) - len(line.lstrip(" ")) > 3
    return not indented and len(bare) >= len(fence) and set(bare) == {fence[0]}
