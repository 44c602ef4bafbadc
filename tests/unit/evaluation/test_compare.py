"""Two evaluations of the same problems: is the difference more than chance?"""

import json

import pytest

from coding_envs.errors import InvalidValueError
from coding_envs.evaluation import compare


def write(folder, counts, **kwargs):
    """Writes what eval would: counts are (n, c) or (n, c, faults) by problem."""
    folder.mkdir()
    rows = [
        {"key": key, "n": n, "c": c, "faults": f[0] if f else 0, "statuses": {}}
        for key, (n, c, *f) in counts.items()
    ]
    data = {
        "dataset": "d", "config": "c", "split": "s", "source": folder.name, "problem_set": "p",
        "judge_version": "2", "rows": rows,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(data | kwargs))
    return folder


def single(solved, total=100):
    return {f"k{n}": (1, int(n in solved)) for n in range(total)}


def test_single_samples_are_compared_with_mcnemars_test(tmp_path):
    a = write(tmp_path / "a", single(range(50)))
    b = write(tmp_path / "b", single(range(5, 75)))
    found = compare(a, b)
    assert found.pass_at_1 == (0.5, 0.7)
    assert found.difference == pytest.approx(0.2)
    assert found.interval[0] < 0.2 < found.interval[1]
    assert found.test == "McNemar exact"
    assert found.p_value == pytest.approx(0.000325, rel=0.01)  # binom.test(5, 30)
    assert found.level == 0.001
    assert found.conclusion.startswith(
        "The second is better: the difference is significant at the 0.1%"
    )
    assert (len(found.gained), len(found.lost)) == (25, 5)
    assert found.lost["k0"] == (1.0, 0.0)
    text = found.to_text()
    assert "gained (25, the first 20):" in text
    assert "  k0  1.00 -> 0.00" in text
    back = compare(b, a)
    assert back.p_value == found.p_value
    assert back.difference == -found.difference
    assert back.conclusion.startswith("The first is better")
    assert json.loads(json.dumps(found.to_json()))["significant_at"] == 0.001


def test_what_chance_does_as_well_is_said_so(tmp_path):
    a = write(tmp_path / "a", single(range(50)))
    b = write(tmp_path / "b", single(range(4, 56)))
    found = compare(a, b)
    assert found.level is None
    assert "not significant, not even at the 5% level" in found.to_text()
    same = compare(a, a)
    assert (same.difference, same.p_value, same.interval) == (0.0, 1.0, (0.0, 0.0))


def test_several_samples_are_compared_with_a_permutation_test(tmp_path):
    a = write(tmp_path / "a", {f"k{n}": (10, n % 7) for n in range(60)})
    b = write(tmp_path / "b", {f"k{n}": (10, n % 7 + n % 3) for n in range(60)})
    found = compare(a, b)
    assert found.test == "sign-flip permutation"
    assert found.difference == pytest.approx(0.1)
    assert found.level == 0.001
    assert compare(a, b) == found


def test_missing_problems_are_zero_and_faults_are_left_out(tmp_path):
    a = write(tmp_path / "a", {"x": (1, 1), "y": (0, 0), "z": (0, 0, 1), "w": (1, 1)})
    b = write(
        tmp_path / "b", {"x": (1, 1), "y": (1, 1), "z": (1, 1), "w": (1, 1)}, judge_version="3"
    )
    found = compare(a / "results.json", b)
    assert found.problems == 3
    assert found.pass_at_1 == pytest.approx((2 / 3, 1.0))
    assert any("1 problems could not be judged in both" in note for note in found.notes)
    assert any("versions of the judge differ" in note for note in found.notes)


@pytest.mark.parametrize(
    ("counts", "kwargs", "says"),
    [
        ({"x": (1, 1)}, {"dataset": "e", "problem_set": "q"}, "are of d/c/s and e/c/s: only"),
        ({"y": (1, 1)}, {"problem_set": "q"}, "1 and 1 problems of d/c/s, of which they share 0"),
        ({"x": (1, 1)}, {"problem_set": "q"}, "the same names but other statements"),
        ({"x": (1, 2)}, {}, "malformed row"),
        ({"x": (0, 0, 1)}, {}, "no problem was judged in both"),
        ({"x": (1, 1)}, {"rows": None}, "'rows' is missing"),
        ({"x": (1, 1)}, {"rows": [3]}, "malformed row"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, counts, kwargs, says):
    a = write(tmp_path / "a", {"x": (1, 1)})
    b = write(tmp_path / "b", counts, **kwargs)
    with pytest.raises(InvalidValueError, match=r"^[^\n]*$") as caught:
        compare(a, b)
    assert says in str(caught.value)


def test_unfinished_and_empty_folders(tmp_path):
    a = write(tmp_path / "a", {"x": (1, 1)})
    (tmp_path / "b").mkdir()
    with pytest.raises(InvalidValueError, match="holds no results; eval --out DIR writes them"):
        compare(a, tmp_path / "b")
    (tmp_path / "b" / "run.json").touch()
    with pytest.raises(InvalidValueError, match="is not finished; run eval with --out"):
        compare(a, tmp_path / "b")
