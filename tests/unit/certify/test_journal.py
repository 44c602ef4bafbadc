"""The journal: rows survive, a cut line is forgotten, others' files are left alone."""

import pytest

from coding_envs.certify.journal import JOURNAL_FILE, Journal
from coding_envs.data.manifest import ManifestRow
from coding_envs.errors import DatasetError, InvalidValueError

HEADER = {"dataset": "d", "settings": {"repeats": 3}}


def row(key, decision="kept"):
    return ManifestRow("d", "default", "train", key, "f", decision, notes=("one\nline",))


def test_rows_come_back(tmp_path):
    with Journal(tmp_path / "new" / "folder", HEADER) as journal:
        journal.add(row("a"))
        journal.add(row("b"))
        journal.add(row("a", "dropped"))
    with Journal(tmp_path / "new" / "folder", HEADER) as journal:
        assert journal.rows == {"a": row("a", "dropped"), "b": row("b")}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_cut_line_is_forgotten(tmp_path, cut):
    with Journal(tmp_path, HEADER) as journal:
        journal.add(row("a"))
        journal.add(row("b"))
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(tmp_path, HEADER) as journal:
        assert list(journal.rows) == ["a"]
        journal.add(row("c"))
    with Journal(tmp_path, HEADER) as journal:
        assert list(journal.rows) == ["a", "c"]


def test_a_cut_header_begins_anew(tmp_path):
    (tmp_path / JOURNAL_FILE).write_bytes(b'{"data')
    with Journal(tmp_path, HEADER) as journal:
        journal.add(row("a"))
    with Journal(tmp_path, HEADER) as journal:
        assert list(journal.rows) == ["a"]


def test_other_settings_and_other_writers_are_refused(tmp_path):
    writing = "is being written by another process"
    with Journal(tmp_path, HEADER), pytest.raises(InvalidValueError, match=writing):
        Journal(tmp_path, HEADER)
    with pytest.raises(InvalidValueError, match=r"made with dataset 'd', got 'e'; go on with the"):
        Journal(tmp_path, HEADER | {"dataset": "e"})
    (tmp_path / JOURNAL_FILE).write_bytes(b"a file of somebody else\n")
    with pytest.raises(DatasetError, match=r":1 is no row of a certification: "):
        Journal(tmp_path, HEADER)
    assert (tmp_path / JOURNAL_FILE).read_bytes() == b"a file of somebody else\n"


def test_of_settings_only_the_one_that_differs_is_said(tmp_path):
    header = {"settings": {"mutants": 2, "seed": 0}}
    Journal(tmp_path, header).close()
    with pytest.raises(InvalidValueError, match=r"was made with mutants 2, got 3; go on"):
        Journal(tmp_path, {"settings": {"mutants": 3, "seed": 0}})
