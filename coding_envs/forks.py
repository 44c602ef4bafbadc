"""What a forked copy of this process must know: which locks it may take, and what is not its own.

A lock that another thread holds while a process forks stays held in the copy for ever.
"""

from __future__ import annotations

import os
import threading

from .errors import SandboxError

__all__ = ["check_owner", "module_lock"]


def check_owner(what: str, owner: int) -> None:
    """Checks, before any lock is taken, that this is the process `what` was made in.

    Raises:
      SandboxError: it is a forked copy of the process `owner`.
    """
    if os.getpid() != owner:
        raise SandboxError(
            f"this {what} belongs to another process; make one in each process, after the fork"
        )


def module_lock() -> threading.Lock:
    """Returns a lock for what a whole process shares: a fork waits until nobody holds it.

    To be held for moments only, and made once per module: nothing ever lets go of it.
    """
    lock = threading.Lock()
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
    return lock
