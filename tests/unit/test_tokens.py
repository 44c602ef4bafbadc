"""Tokenizers: ids, what can be written, and the grammar that policies are hinted at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.data import load_problems
from coding_envs.errors import InvalidValueError, UnknownNameError
from coding_envs.tokens import (
    PAD,
    SUBMIT_ACTION,
    ByteTokenizer,
    PieceTokenizer,
    Tokenizer,
    make_tokenizer,
    tokenizer_names,
)

STARTER = [p for split in ("train", "test") for p in load_problems("starter", split=split)]
BASIC = [p for split in ("train", "test") for p in load_problems("basic", split=split)]
TOKENIZERS = {name: make_tokenizer(name) for name in tokenizer_names()}

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def completions(problems: list) -> list[str]:  # type: ignore[type-arg]
    return [s.removeprefix(p.starter_code) for p in problems for s in p.solutions]


# --- ids -----------------------------------------------------------------------------------------


@every_tokenizer
def test_what_is_read_is_never_padding_nor_submit(tokenizer: Tokenizer) -> None:
    text = "Return the sum of xs, and 12 - 7! é ∀ \x00 \udc80 def f(x):\n    return x"
    ids = tokenizer.encode(text)
    assert ids
    assert min(ids) >= 2
    assert max(ids) < tokenizer.size
    assert tokenizer.encode("") == []


@every_tokenizer
def test_there_are_as_many_ids_as_said(tokenizer: Tokenizer) -> None:
    assert (PAD, SUBMIT_ACTION) == (0, 0)
    assert tokenizer.num_actions >= 2
    assert tokenizer.size >= tokenizer.num_actions + 1
    assert TOKENIZERS[tokenizer.name] is tokenizer


@pytest.mark.parametrize("name", ["starter", "python"])
def test_a_piece_that_is_read_has_the_id_of_the_action_that_writes_it(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    for piece in ("x", "7", "(", "+", "and", "True"):
        (token,) = tokenizer.encode(piece)
        assert tokenizer.action_text(token - 1).strip() == piece


def test_a_byte_that_is_read_has_the_id_of_the_action_that_writes_it() -> None:
    tokenizer = TOKENIZERS["bytes"]
    assert tokenizer.encode("aé") == [a + 1 for a in tokenizer.encode_program("aé")]


def test_unknown_words_share_buckets_and_known_ones_do_not() -> None:
    tokenizer = PieceTokenizer("t", ("x", "+"), buckets=3)
    assert (tokenizer.num_actions, tokenizer.size) == (3, 7)
    words = tokenizer.encode("apple pear plum fig x + kiwi lime")
    assert words[4:6] == [2, 3]
    assert set(words) - {2, 3} <= {4, 5, 6}
    assert tokenizer.encode("Apple") == tokenizer.encode("apple")


def test_ids_do_not_depend_on_the_process() -> None:
    # Python's own hash() is salted; a checkpoint would mean nothing in the next process.
    assert PieceTokenizer("t", ("x",), buckets=1000).encode("banana") == [
        3 + 727
    ]  # crc32 = 59_467_727


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tokenizer_names())
def test_every_starter_solution_can_be_written(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    for text in completions(STARTER):
        actions = tokenizer.encode_program(text)
        assert SUBMIT_ACTION not in actions
        assert tokenizer.decode_actions(actions) == text


@pytest.mark.parametrize("name", ["python", "bytes"])
def test_every_basic_solution_can_be_written(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    for text in completions(BASIC):
        assert tokenizer.decode_actions(tokenizer.encode_program(text)) == text


def test_starter_solutions_fit_the_default_length() -> None:
    tokenizer = TOKENIZERS["starter"]
    longest = max(len(tokenizer.encode_program(text)) for text in completions(STARTER))
    assert longest < 12  # the starter environments' program_tokens, and one for submit


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\n\t")))
def test_python_writes_any_printable_ascii(text: str) -> None:
    tokenizer = TOKENIZERS["python"]
    assert tokenizer.decode_actions(tokenizer.encode_program(text)) == text


@given(st.text())
def test_bytes_write_any_text(text: str) -> None:
    tokenizer = TOKENIZERS["bytes"]
    assert tokenizer.decode_actions(tokenizer.encode_program(text)) == text


@given(st.text(st.characters(exclude_categories=())))
def test_anything_can_be_read(text: str) -> None:
    for tokenizer in TOKENIZERS.values():
        ids = tokenizer.encode(text)
        assert all(2 <= i < tokenizer.size for i in ids)


@every_tokenizer
def test_every_action_writes_something(tokenizer: Tokenizer) -> None:
    texts = [tokenizer.action_text(a) for a in range(1, tokenizer.num_actions)]
    assert all(texts)
    assert tokenizer.decode_actions(range(1, tokenizer.num_actions))
    if isinstance(tokenizer, PieceTokenizer):
        assert len(set(texts)) == len(texts)
        assert "".join(texts) == tokenizer.decode_actions(range(1, tokenizer.num_actions))


def test_bytes_that_are_no_text_become_the_replacement_character() -> None:
    tokenizer = ByteTokenizer()
    assert tokenizer.decode_actions([0xFF + 1, ord("a") + 1]) == "\ufffda"


# --- mistakes ------------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("action", [SUBMIT_ACTION, -1, 10**6])
def test_an_action_that_writes_nothing_is_refused(tokenizer: Tokenizer, action: int) -> None:
    with pytest.raises(InvalidValueError, match=rf"1\.\.{tokenizer.num_actions - 1}, got {action}"):
        tokenizer.action_text(action)
    with pytest.raises(InvalidValueError):
        tokenizer.decode_actions([1, action])


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(InvalidValueError, match=r"'starter' has no piece for 'lambda: 0'.*python"):
        TOKENIZERS["starter"].encode_program("x + lambda: 0")
    with pytest.raises(InvalidValueError, match="no piece for 'é'"):
        TOKENIZERS["python"].encode_program("x = é")
    with pytest.raises(InvalidValueError, match=r"no '\\udc80'"):
        TOKENIZERS["bytes"].encode_program("x\udc80")


def test_pieces_must_be_unique_and_not_empty() -> None:
    for pieces in (("x", "x"), ("x", "")):
        with pytest.raises(InvalidValueError, match="pieces of tokenizer 't' must be unique"):
            PieceTokenizer("t", pieces)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="no tokenizer named 'pyton': did you mean 'python'"):
        make_tokenizer("pyton")


# --- grammar -------------------------------------------------------------------------------------


def test_the_grammar_allows_every_starter_solution() -> None:
    tokenizer = TOKENIZERS["starter"]
    follow, brackets = tokenizer.follow_table(), tokenizer.bracket_table()
    refused = []
    for text in completions(STARTER):
        last, depth = PAD, 0
        for action in [*tokenizer.encode_program(text), SUBMIT_ACTION]:
            if not follow[last, action] or depth < 0:
                refused.append((text, action))
            last = action + 1
            depth += int(brackets[last])
        assert depth == 0, text
    assert refused == []


def test_the_grammar_refuses_what_no_expression_holds() -> None:
    tokenizer = TOKENIZERS["starter"]
    follow = tokenizer.follow_table()

    def allowed(before: str, after: str) -> bool:
        (first,) = tokenizer.encode_program(before)
        second = tokenizer.encode_program(after)[0] if after else SUBMIT_ACTION
        return bool(follow[first + 1, second])

    assert not allowed("x", "y")
    assert not allowed(" + ", " * ")
    assert not allowed(" + ", "")  # nothing is submitted behind an operator
    assert not allowed("(", " + ")
    assert not allowed("x", "len(")
    assert allowed("x", " + ")
    assert allowed("x", "")
    assert allowed("1", "2")
    assert allowed("xs", "[0]")
    assert not follow[PAD, SUBMIT_ACTION]
    assert follow[PAD, tokenizer.encode_program("x")[0]]


@every_tokenizer
def test_the_tables_have_their_shapes(tokenizer: Tokenizer) -> None:
    follow, brackets = tokenizer.follow_table(), tokenizer.bracket_table()
    assert (follow.shape, follow.dtype) == ((tokenizer.size, tokenizer.num_actions), np.bool_)
    assert (brackets.shape, brackets.dtype) == ((tokenizer.size,), np.int32)
    assert follow.any(1).all()  # after every token something may come


@pytest.mark.parametrize("name", ["python", "bytes"])
def test_where_letters_are_written_one_by_one_no_grammar_is_claimed(name: str) -> None:
    # "ab" is two pieces of the 'python' tokenizer, and "(" may stand in a string.
    assert TOKENIZERS[name].follow_table().all()
    assert not TOKENIZERS[name].bracket_table().any()


def test_brackets_are_counted() -> None:
    tokenizer = TOKENIZERS["starter"]
    table = tokenizer.bracket_table()
    for piece, change in (("len(", 1), ("(", 1), (")", -1), ("]", -1), ("[0]", 0), (".upper()", 0)):
        (action,) = tokenizer.encode_program(piece)
        assert table[action + 1] == change, piece
