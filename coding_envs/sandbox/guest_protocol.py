"""What the host and a worker say to each other; used on both sides, and in C by `_zygote.c`.

On the control socket, one packet per message (SOCK_SEQPACKET), of a fixed size. A request to run
carries the run's file descriptors: its channel, its standard input where FLAG_STDIN is set, its
standard output, and its standard error where FLAG_SPLIT is set (else output serves for both).

On a run's channel: the job, with its length before it, unless FLAG_JOB says that it is in the
worker's shared memory (the channel is a pipe then, else a socket; who passes sockets has the kernel
look for cycles); then whatever the child sends. A service
(FLAG_SERVICE) gets order after order on its channel and answers each, all with their length before
them, until it is killed.

A run that has an output file opens it before the program begins, and sends the descriptor on its
channel, a socket then, with an empty message: whatever happens in the jail, the host has the file.

A child's messages, JSON lines, go into the worker's shared memory, as far as there is room, the
rest onto the channel: what was written stays written when the child dies, and it takes no system
call. The memory's first eight bytes say how many follow. The host empties it after each run.
"""

from __future__ import annotations

import os
import struct

# Host -> guest: run number, what to do, flags, CPU seconds and wall seconds (0: no limit), then
# the limits on address space and file size in bytes, on open files, on threads.
REQUEST = struct.Struct("<QIIddQQQQ")
RUN, KILL = 0, 1
FLAG_SCRATCH = 1  # a private scratch folder
FLAG_STDIN = 2  # standard input is among the descriptors; else it is empty
FLAG_SPLIT = 4  # so is standard error
FLAG_SERVICE = 8  # answers orders until it is killed
FLAG_MEMORY = 16  # may send its messages through the worker's shared memory

# Guest -> host: run number, how it ended, exit code or signal, CPU seconds, wall seconds, peak
# resident bytes.
STATUS = struct.Struct("<QiiddQ")
# With HELLO, instead of the peak: the bytes of address space that every run begins with.
EXITED, SIGNALED, CPU_LIMIT, WALL_LIMIT, KILLED, SETUP_FAILED, HELLO, STOPPED = range(8)

FLAG_ROLLBACK = 32  # may run in a process that other runs have been in, rolled back after each
FLAG_JOB = (
    64  # the job is in the shared memory, where the messages go afterwards; with FLAG_ROLLBACK
)

MEMORY_BYTES = 1 << 18
LENGTH = struct.Struct("<Q")
MAX_FDS = 4


SHOWN = b"{}\n"  # what a file's descriptor comes with


def show_file(channel: int, path: str) -> None:
    """Makes an empty file and sends its descriptor to the host."""
    import _socket  # few runs need it
    import array

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    sender = _socket.socket(fileno=os.dup(channel))
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [fd]))
    sender.sendmsg([SHOWN], [rights])
    sender.close()
    os.close(fd)


def read_exactly(fd: int, size: int) -> bytes:
    """Returns the next `size` bytes of a blocking descriptor.

    Raises:
      EOFError: it ended before.
    """
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError("the other side closed the channel")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
