"""The program in a model's answer: the last fenced block for the language."""

import pytest

from coding_envs.evaluation import extract_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1\n", "x = 1\n"),
        ("", ""),
        ("Sure:\n```python\nx = 1\n```\nDone.", "x = 1\n"),
        ("```py\nx = 1\n```", "x = 1\n"),
        ("```Python title=a.py\nx = 1\n```", "x = 1\n"),
        ("```{.python}\nx = 1\n```", "x = 1\n"),
        ("```python\nfirst\n```\n```python\nlast\n```\n", "last\n"),
        ("```python\ncode\n```\nIt prints:\n```\n3\n```\n", "code\n"),
        ("```python\ncode\n```\n```bash\npython a.py\n```\n", "code\n"),
        ("```\nplain\n```\n```bash\npython a.py\n```\n", "plain\n"),
        ("```ruby\nputs 1\n```", "puts 1\n"),
        ("~~~python\nx = '```'\n~~~", "x = '```'\n"),
        ("````python\n'''\n```\n'''\n````", "'''\n```\n'''\n"),
        ("```python\ncut off", "cut off"),
        ("```python\r\nx = 1\r\n```\r\n", "x = 1\r\n"),
        ("  ```python\n  x = 1\n  ```", "  x = 1\n"),
        ("def f():\n    '''\n    ```python\n    f()\n    ```\n    '''\n", None),
        ("a = `b`\nc = ```d```\n", None),
        ("<think>```python\nno\n```</think>\n```python\nyes\n```", "yes\n"),
        ("<think>hm</think>x = 1", "x = 1"),
    ],
)
def test_the_code_is_found(text, code):
    assert extract_code(text) == (text if code is None else code)


def test_other_languages():
    text = "```cpp\nint main(){}\n```\n```python\nx\n```\n"
    assert extract_code(text, "cpp") == "int main(){}\n"
    assert extract_code(text, "javascript") == "x\n"


def test_a_megabyte_of_fences_takes_no_time():
    assert extract_code("```\n" * 250_001) == ""
    assert extract_code("`" * 1_000_000) == ""
