"""A run's descriptors at the host's end; none of them blocks."""

from __future__ import annotations

import os
import socket
import sys

from .guest_protocol import SHOWN

__all__ = ["FileStream", "Stream"]

_CHUNK = 1 << 16


class Stream:
    """One of a run's descriptors at the host's end: what is to be written, what was read.

    Attributes:
      fd: the descriptor, which does not block; -1 once it is closed.
      limit: bytes that are kept of what is read.
      size: bytes that came, kept or not.
    """

    __slots__ = ("fd", "limit", "parts", "pending", "reads", "size")

    def __init__(
        self, fd: int, limit: int = 0, pending: bytes = b"", *, reads: bool = True
    ) -> None:
        self.fd, self.limit, self.reads = fd, limit, reads
        self.pending = memoryview(pending)
        self.parts: list[bytes] = []
        self.size = 0

    def drain(self) -> bool:
        """Reads what is there; returns False at the end of the stream."""
        try:
            for _ in range(16):  # then the other runs get their turn
                part = self._read()
                if not part:
                    return False
                room = self.limit - self.size
                if room > 0:
                    self.parts.append(part[:room])
                self.size += len(part)
                if self.size > self.limit:
                    return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def _read(self) -> bytes:
        return os.read(self.fd, _CHUNK)

    def feed(self) -> bool:
        """Writes what goes; returns True when nothing is left to be written."""
        try:
            while self.pending:
                self.pending = self.pending[os.write(self.fd, self.pending[: 1 << 20]) :]
        except BlockingIOError:
            return False
        except OSError:
            self.pending = memoryview(b"")  # the program has closed its end: its own affair
        return True

    def content(self) -> bytes:
        """Returns what was read, up to the limit."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    def close(self) -> None:
        """Closes the host's end; again is fine."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class FileStream(Stream):
    """The channel of a run that has an output file, whose descriptor comes on it.

    Attributes:
      file: the descriptor, or -1.
    """

    __slots__ = ("file", "socket")

    def __init__(self, channel: socket.socket, limit: int, pending: bytes) -> None:
        super().__init__(channel.fileno(), limit, pending)
        self.socket = channel
        self.file = -1

    def _read(self) -> bytes:
        part, rights, _, _ = self.socket.recvmsg(
            _CHUNK, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
        )
        for _, _, data in rights:
            fd = int.from_bytes(data[:4], sys.byteorder)
            # The first was sent before the program began; it may send others.
            if self.file < 0 and self.size == 0 and part.startswith(SHOWN):
                self.file = fd
            else:
                os.close(fd)
        return part

    def read_file(self, limit: int) -> bytes:
        """Returns the file's content, up to one byte beyond the limit."""
        parts, at = [], 0
        while self.file >= 0 and at <= limit:
            part = os.pread(self.file, min(limit + 1 - at, 1 << 20), at)
            if not part:
                break
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Closes the host's end, but for the file; again is fine."""
        self.socket.close()
        self.fd = -1

    def close_file(self) -> None:
        """Closes the file; again is fine."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1
