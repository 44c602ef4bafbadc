"""Text <-> token ids, for what the policy reads and for what it writes."""

from __future__ import annotations

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValueError

__all__ = ["PAD", "SUBMIT_ACTION", "ByteTokenizer", "PieceTokenizer", "Tokenizer"]

PAD = 0
SUBMIT_ACTION = 0


class Tokenizer(ABC):
    """What every tokenizer offers.

    Token ids: 0 is padding, 1 is the submit token, 2 ... `num_actions` are what a program is
    written with, the rest only occurs in what the policy reads. Action `a` writes token `a + 1`:
    action 0 submits.

    Attributes:
      name: what `make_tokenizer` calls it.
      size: number of token ids.
      num_actions: size of the action space.
    """

    name: str
    size: int
    num_actions: int

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text that the policy reads."""

    @abstractmethod
    def action_text(self, action: int) -> str:
        """Returns what an action other than submit writes.

        Raises:
          InvalidValueError: `action` is not in 1..num_actions - 1.
        """

    @abstractmethod
    def encode_program(self, text: str) -> list[int]:
        """Returns actions that write exactly `text`, without the submit action.

        Raises:
          InvalidValueError: the text cannot be written with this tokenizer.
        """

    def decode_actions(self, actions: Sequence[int]) -> str:
        """Returns the program that a sequence of actions (none of them submit) writes."""
        return "".join(map(self.action_text, actions))

    def _check_actions(self, actions: Sequence[int]) -> None:
        for action in actions:
            if not SUBMIT_ACTION < action < self.num_actions:
                raise InvalidValueError(
                    f"an action that writes must be in 1..{self.num_actions - 1}, got {action!r}"
                )

    def follow_table(self) -> NDArray[np.bool_]:
        """Returns which action can follow which token in an expression or simple statement.

        A hint for policies, which an environment never enforces: bool [size, num_actions], by the
        last token written (0 where there is none). All True where the tokenizer knows no grammar.
        """
        return np.ones((self.size, self.num_actions), bool)

    def bracket_table(self) -> NDArray[np.int32]:
        """Returns by how much each token changes the number of open brackets: int32 [size]."""
        return np.zeros(self.size, np.int32)


class PieceTokenizer(Tokenizer):
    """Writes with a fixed list of pieces of Python; reads words, too.

    What is read is split into words, numbers' digits and signs. One that is a piece has the
    piece's own id, so that what a statement names and what a program names is the same token;
    any other goes into one of `buckets` ids by its hash (the hashing trick; Weinberger et al. 2009,
    arXiv:0902.2206).

    Args:
      name: the tokenizer's name.
      pieces: texts that actions write; each unique, none empty.
      buckets: ids for what is no piece.
      expressions: True where the pieces are whole words and signs, of which a program is one
        expression or a few simple statements: then `follow_table` and `bracket_table` know what
        can follow what. Single letters, strings and blocks are beyond them.
    """

    _WORDS = re.compile(r"[A-Za-z_]+|\d|\S")

    def __init__(
        self, name: str, pieces: Sequence[str], buckets: int = 512, *, expressions: bool = False
    ) -> None:
        if len(set(pieces)) != len(pieces) or not all(pieces):
            raise InvalidValueError(f"pieces of tokenizer {name!r} must be unique and not empty")
        self.name = name
        self._pieces = tuple(pieces)
        self._buckets = buckets
        self._expressions = expressions
        self.num_actions = 1 + len(self._pieces)
        self.size = 1 + self.num_actions + buckets
        self._first_bucket = 1 + self.num_actions
        # " + " and "+" are one thing to a reader.
        self._ids = {piece.strip() or piece: i + 2 for i, piece in enumerate(self._pieces)}
        longest_first = sorted(self._pieces, key=len, reverse=True)
        self._writer = re.compile("|".join(map(re.escape, longest_first)))
        self._actions = {piece: i + 1 for i, piece in enumerate(self._pieces)}

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text that the policy reads; see Tokenizer."""
        return [self._ids.get(word) or self._bucket(word) for word in self._WORDS.findall(text)]

    def _bucket(self, word: str) -> int:
        data = word.lower().encode("utf-8", "surrogatepass")
        return self._first_bucket + zlib.crc32(data) % self._buckets

    def action_text(self, action: int) -> str:
        """Returns the piece that an action writes; see Tokenizer."""
        self._check_actions([action])
        return self._pieces[action - 1]

    def encode_program(self, text: str) -> list[int]:
        """Returns the actions that write `text`, the longest piece first; see Tokenizer."""
        actions, at = [], 0
        while at < len(text):
            match = self._writer.match(text, at)
            if match is None:
                raise InvalidValueError(
                    f"tokenizer {self.name!r} has no piece for {text[at : at + 20]!r}; "
                    "use the 'python' or 'bytes' tokenizer"
                )
            actions.append(self._actions[match.group()])
            at = match.end()
        return actions

    def follow_table(self) -> NDArray[np.bool_]:
        """Returns which action can follow which token; see Tokenizer.

        Two states are enough for expressions: an operand is wanted, or one stands there. Each piece
        goes from the one to the other.
        """
        if not self._expressions:
            return super().follow_table()
        wanted = np.array([False, *(_wants_operand(piece) for piece in self._pieces)])
        leaves = [_leaves_operand(piece) for piece in self._pieces]
        table = np.ones((self.size, self.num_actions), bool)
        either = np.array([False, *(piece == "[" for piece in self._pieces)])  # a list or an index
        # The starter code may end with a whole statement: then a new line comes first.
        table[PAD] = wanted | np.array([False, *(p.startswith("\n") for p in self._pieces)])
        for token, (piece, stands) in enumerate(zip(self._pieces, leaves, strict=True), 2):
            row = ~wanted | either if stands else wanted
            if piece.isdigit():
                row = row | np.array([False, *(p.isdigit() for p in self._pieces)])
            if piece in ("len(", "str(", "set(", "list(", "int(", "("):
                row = row | np.array([False, *(p == ")" for p in self._pieces)])
            table[token] = row
        return table

    def bracket_table(self) -> NDArray[np.int32]:
        """Returns by how much each token changes the number of open brackets; see Tokenizer."""
        table = super().bracket_table()
        for token, piece in enumerate(self._pieces if self._expressions else (), 2):
            opened = sum(map(piece.count, "([{"))
            table[token] = opened - sum(map(piece.count, ")]}"))
        return table


_PREFIX = re.compile(r"not |-|return |\n *")
_OPERAND_START = re.compile(r"[A-Za-z_0-9(\[\"'{]")
_INDEX = re.compile(r"\[.+\]")


def _wants_operand(piece: str) -> bool:
    """True where a piece goes where an operand is wanted, False where it follows one."""
    if piece.startswith("\n"):
        return False  # ends a statement, which an operand has to end
    if _PREFIX.fullmatch(piece):
        return True
    return bool(_OPERAND_START.match(piece)) and not _INDEX.fullmatch(piece)


def _leaves_operand(piece: str) -> bool:
    """True where an operand stands behind a piece, False where one is wanted."""
    if _PREFIX.fullmatch(piece) or piece[-1] in "([{,:" or piece.isspace():
        return False
    if piece.startswith(" ") and piece.endswith(" "):
        return False  # an operator
    return piece[-1] not in " +-*/%<>=.&|^~"


class ByteTokenizer(Tokenizer):
    """One token per byte of UTF-8. Bytes that are no UTF-8 decode to the replacement character."""

    name = "bytes"
    num_actions = 257
    size = 258

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text that the policy reads; see Tokenizer."""
        return [byte + 2 for byte in text.encode("utf-8", "surrogatepass")]

    def action_text(self, action: int) -> str:
        """Returns the byte that an action writes, as text; see Tokenizer."""
        return self.decode_actions([action])

    def decode_actions(self, actions: Sequence[int]) -> str:
        """Returns the program that a sequence of actions writes; see Tokenizer."""
        self._check_actions(actions)
        return bytes(action - 1 for action in actions).decode("utf-8", "replace")

    def encode_program(self, text: str) -> list[int]:
        """Returns the actions that write `text`; see Tokenizer."""
        try:
            return [byte + 1 for byte in text.encode()]
        except UnicodeEncodeError as error:
            raise InvalidValueError(
                f"tokenizer 'bytes' writes UTF-8, which has no {text[error.start]!r}; remove it"
            ) from None
