"""Conditions on heads."""

from datetime import date, datetime

import pytest

from coding_envs.data import Head, parse_where
from coding_envs.data.where import where_predicate
from coding_envs.errors import InvalidValueError, UnknownNameError

HEADS = {
    "a": Head("a", "easy", 1200, ("dp", "Graphs"), "codeforces", date(2024, 8, 1), style="stdio"),
    "b": Head("b", "Medium", 1600, ("math",), "leetcode", date(2024, 8, 2), style="call"),
    "c": Head("c", "hard", None, (), "", None, language="cpp", style="stdio"),
}


def met(where):
    wanted = where_predicate(where)
    return "".join(key for key, head in HEADS.items() if wanted(head))


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        (None, "abc"),
        ({}, "abc"),
        ({"difficulty": "EASY"}, "a"),
        ({"difficulty": {"easy", "medium"}}, "ab"),
        ({"tags": "graphs"}, "a"),
        ({"tags": ["math", "dp"]}, "ab"),
        ({"source": "leetcode"}, "b"),
        ({"style": "stdio"}, "ac"),
        ({"style": "stdio", "language": "python"}, "a"),
        ({"key": ("b", "c")}, "bc"),
        ({"rating": (1200, 1599.5)}, "a"),
        ({"rating": (None, None)}, "ab"),
        ({"rating": (1201, None)}, "b"),
        ({"released_after": "2024-08-01"}, "b"),
        ({"released_after": date(2024, 7, 31), "released_before": datetime(2024, 8, 2, 5)}, "a"),
        (lambda head: head.rating, "ab"),
    ],
)
def test_conditions(where, keys):
    assert met(where) == keys


@pytest.mark.parametrize(
    ("where", "error", "says"),
    [
        (
            {"tag": "dp"},
            UnknownNameError,
            "no condition of where named 'tag': did you mean 'tags'?",
        ),
        ({"style": "stdin"}, UnknownNameError, "no style of tests named 'stdin'"),
        ({"difficulty": 3}, InvalidValueError, "where difficulty must be text or several texts"),
        ({"difficulty": []}, InvalidValueError, "text or several texts, got []"),
        ({"tags": {"a": 1}}, InvalidValueError, "where tags must be text"),
        ({"rating": 1200}, InvalidValueError, "where rating must be (lowest, highest)"),
        ({"rating": ("1", 2)}, InvalidValueError, "where rating must be"),
        ({"released_after": "August"}, InvalidValueError, "YYYY-MM-DD, got 'August'"),
        ("difficulty=easy", InvalidValueError, "where must be a mapping or a function"),
    ],
)
def test_a_mistake_is_named(where, error, says):
    with pytest.raises(error) as caught:
        where_predicate(where)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_conditions_as_text():
    assert parse_where([]) is None
    assert parse_where(
        ["difficulty=easy, medium", "tags=dp", "tags=math", "rating=1200..1600"]
    ) == {
        "difficulty": ["easy", "medium"],
        "tags": ["dp", "math"],
        "rating": (1200.0, 1600.0),
    }
    assert parse_where(["rating=..800"]) == {"rating": (None, 800.0)}
    assert parse_where(["rating=800"]) == {"rating": (800.0, 800.0)}
    assert parse_where(["released_after = 2024-08-01"]) == {"released_after": "2024-08-01"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("difficulty", "a condition must be KEY=VALUE, got 'difficulty'"),
        ("difficulty=", "a condition must be KEY=VALUE"),
        ("dificulty=easy", "did you mean 'difficulty'"),
        ("rating=low", "rating must be LOW..HIGH, got 'low'"),
        ("released_after=1.8.24", "must be a date"),
        ("tags=,", "text or several texts"),
    ],
)
def test_a_mistake_in_text_is_named(text, says):
    with pytest.raises((InvalidValueError, UnknownNameError), match=says.replace("(", r"\(")):
        parse_where([text])
