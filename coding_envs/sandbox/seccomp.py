"""The system calls that a jailed interpreter may make, as an nsjail (Kafel) policy.

An allow-list: everything else fails with EPERM, which a program sees as PermissionError. `clone`
passes with exactly three words of flags: a thread of the C library, and the two that the worker
uses for its runs; those two need CAP_SYS_ADMIN, which a run has given up, so that a program can
start threads and never a process. `clone3` fails with ENOSYS, on which the C library falls back to
`clone`, whose flags a filter can read.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

__all__ = ["THREAD_FLAGS", "calls_of_runs", "kafel_policy", "policy_text"]

THREAD_FLAGS = 0x003D0F00
_RUN_FLAGS = 0x20000000 | 0x1000 | 17  # CLONE_NEWPID, CLONE_PIDFD, SIGCHLD
_SCRATCH_RUN_FLAGS = _RUN_FLAGS | 0x00020000 | 0x08000000  # and CLONE_NEWNS, CLONE_NEWIPC

_EVERYWHERE = """
read write readv writev pread64 pwrite64 preadv pwritev lseek close close_range
openat newfstat newfstatat statx faccessat faccessat2 getdents64 readlinkat getcwd chdir fchdir
fcntl dup dup3 pipe2 ftruncate truncate fallocate fsync fdatasync fadvise64 sendfile64
copy_file_range flock statfs fstatfs
mkdirat unlinkat renameat renameat2 linkat symlinkat fchmod fchmodat fchown utimensat umask
mmap munmap mprotect mremap brk madvise mincore msync mlock munlock
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack
kill tgkill pidfd_open
exit exit_group wait4 waitid set_tid_address set_robust_list get_robust_list rseq futex membarrier
getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups
getpgid getsid setsid
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday times
getitimer setitimer timer_create timer_settime timer_gettime timer_delete timer_getoverrun
timerfd_create timerfd_settime timerfd_gettime
getrlimit setrlimit prlimit64 getrusage sysinfo newuname getcpu
sched_yield sched_getaffinity sched_getparam sched_getscheduler getpriority
getrandom prctl capget capset seccomp
ppoll pselect6 epoll_create1 epoll_ctl epoll_pwait eventfd2 signalfd4
socketpair sendto recvfrom sendmsg recvmsg getsockopt getsockname getpeername shutdown
mount execve
"""

_X86_64 = """
open newstat newlstat access readlink pipe dup2 mkdir rmdir unlink rename link symlink chmod chown
lchown getpgrp alarm pause time poll select epoll_create epoll_wait arch_prctl utime utimes
futimesat getdents signalfd eventfd
"""


# Terminal queries (isatty) and FIOCLEX, FIONBIO, FIONREAD.
_IOCTLS = (0x5401, 0x5413, 0x5421, 0x541B, 0x5450, 0x5451)

# What the tracer of a rollback executor needs. Its children, forked or traced, are denied all of
# the calls by a filter of their own; the ioctls do nothing without its descriptors.
_TRACER = "userfaultfd ptrace process_vm_readv process_vm_writev umount"
_TRACER_IOCTLS = (
    *(0xC018AA3F, 0xC020AA00, 0xC018AA06),  # UFFDIO_API, UFFDIO_REGISTER, UFFDIO_WRITEPROTECT
    *(0xC0606610, 0xC0686611),  # PAGEMAP_SCAN, PROCMAP_QUERY
)


def kafel_policy(*, tracer: bool = False) -> str:
    """Returns the policy for this machine's architecture (x86-64 or AArch64).

    Args:
      tracer: True adds what the tracer of a rollback executor needs.
    """
    return policy_text(
        [*calls_of_runs(), *(_TRACER.split() if tracer else ())],
        (THREAD_FLAGS, _RUN_FLAGS, _SCRATCH_RUN_FLAGS),
        ioctls=_TRACER_IOCTLS if tracer else (),
    )


def calls_of_runs() -> list[str]:
    """Returns the calls that every kind of run may make, by Kafel's names."""
    names = _EVERYWHERE.split()
    if platform.machine() == "x86_64":
        names += _X86_64.split()
    return names


def policy_text(
    names: Iterable[str],
    clone_flags: Iterable[int],
    *,
    ioctls: Iterable[int] = (),
    filtered: Iterable[str] = (),
) -> str:
    """Returns a policy as nsjail reads it.

    Args:
      names: calls that are allowed whatever their arguments.
      clone_flags: the words of flags with which `clone` is.
      ioctls: commands beyond the harmless ones.
      filtered: further calls with their conditions, in Kafel.
    """
    flags = " || ".join(f"clone_flags == {word}" for word in clone_flags)
    commands = " || ".join(f"cmd == {c}" for c in (*_IOCTLS, *ioctls))
    allowed = [*names, f"clone {{ {flags} }}", f"ioctl {{ {commands} }}", *filtered]
    return (
        f"POLICY runs {{ ALLOW {{ {', '.join(allowed)} }}, ERRNO(38) {{ clone3 }} }} "
        "USE runs DEFAULT ERRNO(1)"
    )
