# ruff: noqa: E501 -- programs and tables, a case a line
"""Hostile programs in C++ and JavaScript, in the jails of native programs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from coding_envs.errors import SandboxError
from coding_envs.judge import Judge
from coding_envs.languages import COMPILE_LIMITS, CompileError, Program, language, prepare
from coding_envs.problem import Limits, Problem, StdioTest
from coding_envs.sandbox import Ended, RunResult, Sandbox, make_sandbox
from coding_envs.sandbox.native import NativeRun
from coding_envs.verdict import Status, Verdict

pytestmark = pytest.mark.nsjail

LIMITS = Limits(
    cpu_time_s=0.4, wall_time_s=1.0, memory_bytes=64 * 2**20, output_bytes=1 << 20, open_files=32
)
RIGHT = {
    "cpp": "#include <cstdio>\nint main() { int x; scanf(\"%d\", &x); printf(\"%d\\n\", x * 7); }",
    "javascript": "console.log(7 * Number(require('fs').readFileSync(0, 'utf8')));",
}  # fmt: skip
SYSCALL = """
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>
#include <string>
#define TRY(...) do { errno = 0; long r = (long)(__VA_ARGS__); if (r >= 0) { printf("could: %s\\n", #__VA_ARGS__); } } while (0)
"""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with make_sandbox("nsjail", workers=1) as made:
        yield made


def needs(name: str) -> None:
    found = language(name)
    if not found.available():
        pytest.skip(f"no {' or '.join(found.tools)} on this machine: {found.remedy}")


def compiled(sandbox: Sandbox, source: str, name: str = "cpp") -> Program | CompileError:
    needs(name)
    steps = prepare(language(name), source)
    runs = next(steps)
    with pytest.raises(StopIteration) as stopped:
        steps.send([sandbox.submit(run).result(60) for run in runs])
    result = stopped.value.value
    assert isinstance(result, (Program, CompileError))
    return result


def run(sandbox: Sandbox, source: str, name: str = "cpp", limits: Limits = LIMITS) -> RunResult:
    program = compiled(sandbox, source, name)
    assert isinstance(program, Program), program
    return sandbox.submit(program.run(limits=limits)).result(60)


def problem(name: str) -> Problem:
    tests = (StdioTest("6\n", "42\n"),)
    return Problem("d", "p", "", language=name, hidden_tests=tests, limits=LIMITS)


# --- programs that want to hang, exhaust or crash ------------------------------------------------

BOMB = SYSCALL + "int main() { "
EXHAUSTING = {
    "loop": ("cpp", "int main() { for (;;) asm(\"\"); }"),
    "loop_signals_ignored": ("cpp", BOMB + "for (int s = 1; s < 65; s++) signal(s, SIG_IGN); for (;;) asm(\"\"); }"),
    "loop_signals_blocked": ("cpp", BOMB + "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); for (;;) asm(\"\"); }"),
    "sleep": ("cpp", BOMB + "sleep(1000); }"),
    "stop_itself": ("cpp", BOMB + "raise(SIGSTOP); for (;;) asm(\"\"); }"),
    "stop_everybody": ("cpp", BOMB + "kill(1, SIGSTOP); kill(0, SIGSTOP); kill(-1, SIGSTOP); for (;;) asm(\"\"); }"),
    "kill_everybody": ("cpp", BOMB + "for (int s = 1; s < 65; s++) { if (s == SIGCHLD) continue; signal(s, SIG_IGN); kill(1, s); kill(-1, s); } for (;;) asm(\"\"); }"),
    "fork_bomb": ("cpp", BOMB + "for (;;) fork(); }"),
    "vfork_bomb": ("cpp", BOMB + "for (;;) if (syscall(SYS_vfork) == 0) _exit(0); }"),
    "clone_bomb": ("cpp", BOMB + "for (;;) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); syscall(SYS_clone3, 0, 0); syscall(SYS_clone, 0x20000000 | SIGCHLD, 0, 0, 0, 0); } }"),
    "thread_bomb": ("cpp", "#include <thread>\n#include <vector>\nint main() { std::vector<std::thread> t; for (;;) try { t.emplace_back([] { for (;;) asm(\"\"); }); } catch (...) {} }"),
    "exec_bomb": ("cpp", BOMB + "char* v[] = {(char*)\"main\", 0}; for (;;) { execv(\"/tmp/main\", v); execv(\"/usr/bin/g++\", v); syscall(SYS_execveat, 32, \"\", v, v, 0x1000); } }"),
    "memory": ("cpp", BOMB + "for (;;) { void* p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); } }"),
    "memory_crash": ("cpp", BOMB + "for (;;) memset(malloc(1 << 20), 1, 1 << 20); }"),
    "memory_mmap": ("cpp", BOMB + "for (;;) mmap(0, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0); }"),
    "memory_shared": ("cpp", BOMB + "for (;;) mmap(0, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0); }"),
    "memory_memfd": ("cpp", BOMB + "for (int i = 0; i < 99; i++) { int fd = syscall(SYS_memfd_create, \"x\", 0); ftruncate(fd, 1l << 40); } }"),
    "memory_mlock": ("cpp", BOMB + "mlockall(MCL_CURRENT | MCL_FUTURE); for (;;) asm(\"\"); }"),
    "memory_pipes": ("cpp", BOMB + "static char b[1 << 16]; for (;;) { int p[2]; if (pipe2(p, O_NONBLOCK) == 0) while (write(p[1], b, sizeof b) > 0); } }"),
    "stack": ("cpp", "int f(int n) { volatile char c[999]; c[n % 999] = 1; return f(n + 1) + c[0]; }\nint main() { return f(0); }"),
    "stack_threads": ("cpp", "#include <thread>\nint f(int n) { volatile char c[999]; c[n % 999] = 1; return f(n + 1) + c[0]; }\nint main() { std::thread t(f, 0); t.join(); }"),
    "output": ("cpp", BOMB + "static char b[1 << 16]; for (;;) write(1, b, sizeof b); }"),
    "errors": ("cpp", BOMB + "static char b[1 << 16]; for (;;) write(2, b, sizeof b); }"),
    "files": ("cpp", BOMB + "static char b[1 << 16]; signal(SIGXFSZ, SIG_IGN); for (int i = 0;; i++) { int fd = open(std::to_string(i).c_str(), O_CREAT | O_WRONLY, 0600); while (write(fd, b, sizeof b) > 0); } }"),
    "descriptors": ("cpp", BOMB + "for (;;) open(\"/dev/null\", O_RDONLY); }"),
    "timers": ("cpp", BOMB + "for (;;) { timer_t t; timer_create(CLOCK_REALTIME, 0, &t); } }"),
    "segfault": ("cpp", "int main() { return *(volatile int*)8; }"),
    "crash_in_every_way": ("cpp", "int main() { asm(\"ud2\"); }"),
    "syscall_of_another_architecture": ("cpp", "int main() { asm volatile(\"int $0x80\" :: \"a\"(2)); for (;;) asm(\"\"); }"),
    "js_loop": ("javascript", "for (;;);"),
    "js_memory": ("javascript", "const x = []; for (;;) x.push(new Array(1000).fill(1));"),
    "js_buffers": ("javascript", "const x = []; for (;;) x.push(Buffer.alloc(1 << 20, 1));"),
    "js_strings": ("javascript", "let s = 'x'; for (;;) s += s + Math.random();"),
    "js_regex": ("javascript", "/(a+)+$/.test('a'.repeat(60) + 'b');"),
    "js_spawn": ("javascript", "const c = require('child_process'); for (;;) try { c.spawnSync('/usr/bin/node'); c.execSync('x'); } catch {}"),
    "js_workers": ("javascript", "const { Worker } = require('worker_threads'); for (let i = 0; i < 64; i++) new Worker('for (;;);', { eval: true }).on('error', () => 0);"),
    "js_forever": ("javascript", "process.on('SIGTERM', () => 0); setInterval(() => 0, 1);"),
    "js_recursion": ("javascript", "const f = () => [f()]; for (;;) try { f(); } catch {}"),
    "js_wasm": ("javascript", "for (const x = [];;) x.push(new WebAssembly.Memory({ initial: 1000 }));"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(EXHAUSTING))
def test_settles_within_its_limits_and_leaves_nothing_behind(sandbox: Sandbox, case: str) -> None:
    name, source = EXHAUSTING[case]
    hostile, right = compiled(sandbox, source, name), compiled(sandbox, RIGHT[name], name)
    assert isinstance(hostile, Program), hostile
    assert isinstance(right, Program), right
    assert sandbox.submit(right.run(b"6", LIMITS)).result(60).stdout == b"42\n"
    started = time.monotonic()
    result = sandbox.submit(hostile.run(b"6", LIMITS)).result(60)
    took_s = time.monotonic() - started
    allowed_s = LIMITS.wall_limit_s + language(name).extra_cpu_s + 0.2
    assert took_s < allowed_s, (took_s, result)
    assert result.stdout[:3] != b"42\n"
    after = sandbox.submit(right.run(b"6", LIMITS)).result(60)
    assert (after.exit_code, after.stdout) == (0, b"42\n"), after


STATUSES = {
    "loop": Status.TIME_LIMIT_EXCEEDED,
    "memory_crash": Status.MEMORY_LIMIT_EXCEEDED,
    "stack": Status.MEMORY_LIMIT_EXCEEDED,
    "output": Status.OUTPUT_LIMIT_EXCEEDED,
    "errors": Status.OUTPUT_LIMIT_EXCEEDED,
    "segfault": Status.RUNTIME_ERROR,
    "fork_bomb": Status.TIME_LIMIT_EXCEEDED,
    "js_loop": Status.TIME_LIMIT_EXCEEDED,
    "js_memory": Status.MEMORY_LIMIT_EXCEEDED,
    "js_buffers": Status.MEMORY_LIMIT_EXCEEDED,
}


@pytest.mark.parametrize("case", sorted(STATUSES))
def test_says_what_it_was(judge: Judge, case: str) -> None:
    name, source = EXHAUSTING[case]
    needs(name)
    verdict: Verdict = judge.judge(problem(name), source)
    assert verdict.status is STATUSES[case], verdict


# --- programs that want out ----------------------------------------------------------------------

# Each prints a line for whatever it could do and must not.
ESCAPING = {
    "processes": "TRY(fork()); TRY(vfork()); TRY(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); TRY(syscall(SYS_clone3, 0, 0)); TRY(system(\"true\") ? -1 : 0); TRY(popen(\"true\", \"r\") ? 0 : -1);",
    "exec": "char* v[] = {(char*)\"x\", 0}; TRY(execv(\"/usr/bin/node\", v)); TRY(syscall(SYS_execveat, 32, \"\", v, v, 0x1000)); int fd = open(\"/tmp/main\", O_RDONLY); TRY(syscall(SYS_execveat, fd, \"\", v, v, 0x1000)); TRY(dup2(fd, 32)); TRY(fcntl(fd, F_DUPFD, 32));",
    "namespaces": "TRY(unshare(CLONE_NEWUSER)); TRY(unshare(CLONE_NEWNS)); TRY(unshare(CLONE_FILES)); TRY(setns(0, 0)); TRY(syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0));",
    "mounts": "TRY(syscall(SYS_mount, \"none\", \"/tmp\", \"tmpfs\", 0, 0)); TRY(syscall(SYS_umount2, \"/tmp\", 0)); TRY(syscall(SYS_pivot_root, \"/\", \"/\")); TRY(chroot(\"/tmp\")); TRY(syscall(SYS_open_tree, 0, \"/\", 0)); TRY(syscall(SYS_fsopen, \"tmpfs\", 0));",
    "other_processes": "TRY(syscall(SYS_ptrace, 16, 1, 0, 0)); TRY(syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0)); TRY(syscall(SYS_pidfd_getfd, 0, 0, 0)); struct rlimit l; TRY(prlimit((pid_t)1, RLIMIT_CPU, 0, &l)); for (int pid = -3; pid < 200; pid++) if (pid != getpid()) { TRY(kill(pid, 0)); TRY(syscall(SYS_tgkill, pid, pid, 0)); } TRY(fcntl(0, F_SETOWN, 1)); TRY(fcntl(0, 10, SIGKILL)); if (raise(0) != 0 || kill(getpid(), 0) != 0) puts(\"could not: signal itself\"); TRY(setpriority(PRIO_PROCESS, 1, 5)); TRY(syscall(SYS_sched_setaffinity, 1, 8, &l)); TRY(syscall(SYS_kcmp, 1, 1, 0, 0, 0));",
    "limits_raised": "for (int r : {RLIMIT_AS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CPU}) { struct rlimit l; getrlimit((__rlimit_resource)r, &l); l.rlim_cur = l.rlim_max = l.rlim_max + 1; TRY(setrlimit((__rlimit_resource)r, &l)); }",
    "network": "struct sockaddr_in a = {AF_INET, htons(80), {htonl(0x7f000001)}}; int fd = socket(AF_INET, SOCK_STREAM, 0); TRY(fd); TRY(connect(fd, (struct sockaddr*)&a, sizeof a)); TRY(socket(AF_NETLINK, SOCK_RAW, 0)); TRY(socket(AF_UNIX, SOCK_STREAM, 0)); TRY(bind(0, (struct sockaddr*)&a, sizeof a)); TRY(listen(0, 1));",
    "kernel": "TRY(syscall(SYS_bpf, 0, 0, 0)); TRY(syscall(SYS_perf_event_open, 0, 0, 0, 0, 0)); TRY(syscall(SYS_userfaultfd, 0)); TRY(syscall(SYS_io_uring_setup, 1, 0)); TRY(syscall(SYS_keyctl, 0, 0, 0)); TRY(syscall(SYS_add_key, 0, 0, 0, 0, 0)); TRY(syscall(SYS_memfd_create, \"x\", 0)); TRY(syscall(SYS_reboot, 0, 0, 0, 0)); TRY(syscall(SYS_init_module, 0, 0, 0)); TRY(syscall(SYS_shmget, 1, 4096, 01600)); TRY(syscall(SYS_mq_open, \"/x\", 0102, 0600, 0)); TRY(syscall(SYS_personality, 0x40000)); TRY(syscall(SYS_quotactl, 0, 0, 0, 0)); TRY(syscall(SYS_iopl, 3));",
    "host_files": "for (auto p : {\"/etc/passwd\", \"/etc/shadow\", \"/etc/hostname\", \"/root\", \"/home\", \"/proc\", \"/proc/self/maps\", \"/sys\", \"/var\", \"/run\", \"/mnt\", \"/srv\", \"/opt\", \"/dev/mem\", \"/dev/kmsg\", \"/dev/shm\", \"/dev/pts\", \"/usr/src\", \"/usr/lib/python3/dist-packages/\"}) if (access(p, F_OK) == 0) { DIR* d = opendir(p); int n = 0; if (d) while (readdir(d)) n++; if (n != 2) printf(\"could: %s\\n\", p); }",
    "writing": "for (auto p : {\"/x\", \"/usr/bin/x\", \"/usr/lib/x\", \"/dev/x\", \"/etc/x\", \"/guest/x\"}) TRY(open(p, O_CREAT | O_WRONLY, 0600)); for (auto p : {\"/usr/bin/node\", \"/guest/guest.py\", \"/etc/ld.so.cache\"}) { TRY(open(p, O_WRONLY)); TRY(unlink(p)); TRY(chmod(p, 0777)); TRY(rename(p, \"/tmp/y\")); }",
    "devices": "TRY(mknod(\"/tmp/d\", S_IFBLK | 0600, 0x800)); TRY(mknod(\"/tmp/c\", S_IFCHR | 0600, 0x101)); TRY(syscall(SYS_mknodat, -100, \"/tmp/f\", S_IFIFO | 0600, 0));",
    "identity": "TRY(setuid(0)); TRY(setgid(0)); TRY(syscall(SYS_setresuid, 0, 0, 0)); TRY(syscall(SYS_setgroups, 0, 0)); if (getuid() == 0 || geteuid() == 0) puts(\"could: root\"); TRY(syscall(SYS_capset, \"\\x22\\x05\\x08\\x20\\0\\0\\0\", \"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\"));",
    "descriptors": "for (int fd = 3; fd < 1024; fd++) TRY(fcntl(fd, F_GETFD));",
    "terminal": "char c = 'x'; TRY(ioctl_(0, 0x5412, &c)); TRY(ioctl_(0, 0x540e, 0));",
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(ESCAPING))
def test_cannot_reach_anything_outside(sandbox: Sandbox, case: str) -> None:
    ioctl = "static int ioctl_(int fd, int c, void* p) { return syscall(SYS_ioctl, fd, c, p); }\n"
    source = SYSCALL + ioctl + "int main() { " + ESCAPING[case] + ' puts("end"); }'
    result = run(sandbox, source)
    assert (result.exit_code, result.stdout) == (0, b"end\n"), result


def test_the_probes_see_what_is_allowed(sandbox: Sandbox) -> None:
    source = (
        SYSCALL + 'int main() { TRY(getpid()); TRY(open("/tmp/x", O_CREAT | O_WRONLY, 0600)); }'
    )
    assert run(sandbox, source).stdout.count(b"could: ") == 2


def test_environment_and_names_tell_nothing(sandbox: Sandbox) -> None:
    source = '#include <cstdio>\n#include <unistd.h>\n#include <sys/utsname.h>\nint main(int, char** v) { for (char** e = environ; *e; e++) puts(*e); utsname u; uname(&u); puts(u.nodename); puts(v[0]); printf("%d %d\\n", getppid(), getuid()); }'
    lines = run(sandbox, source).stdout.decode().splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names == {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "MALLOC_ARENA_MAX"}
    assert lines[-3:] == ["jail", "./main", "1 1000"]
    assert not any(
        name in line for line in lines for name in (os.uname().nodename, str(Path.home()))
    )


def test_a_program_finds_nothing_of_an_earlier_one(sandbox: Sandbox) -> None:
    leave = (
        SYSCALL
        + 'int main() { for (auto p : {"/tmp/left", "/tmp/.left", "/dev/shm/left"}) { int fd = open(p, O_CREAT | O_WRONLY, 0666); write(fd, "secret", 6); } int fd = open("/tmp/main", O_WRONLY); write(fd, "x", 1); unlink("/tmp/main"); fd = open("/tmp/main", O_CREAT | O_WRONLY, 0777); write(fd, "#!/bin/sh\\necho owned", 20); }'
    )
    look = (
        SYSCALL
        + "int main() { DIR* d = opendir(\"/tmp\"); while (dirent* e = readdir(d)) if (e->d_name[0] != '.') puts(e->d_name); }"
    )
    assert run(sandbox, leave).exit_code == 0
    for _ in range(2):
        assert run(sandbox, look).stdout == b""


def test_a_program_can_only_harm_its_own_copy(sandbox: Sandbox) -> None:
    source = (
        SYSCALL
        + """
int answer() { return 7; }
int main() {
  for (auto p : {"main", "./main", "/tmp/main", "/proc/self/exe"}) { TRY(open(p, O_RDWR)); TRY(unlink(p)); }
  printf("%d", answer());
  char* page = (char*)((long)answer & -4096);
  mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  for (char* p = (char*)answer; p < (char*)answer + 16; p++) if (*p == 7) *p = 9;
  int (*volatile again)() = answer;
  printf("%d", again());
}
"""
    )
    program = compiled(sandbox, source)
    assert isinstance(program, Program), program
    results = [sandbox.submit(program.run(limits=LIMITS)).result(60) for _ in range(2)]
    assert [r.stdout for r in results] == [b"79"] * 2, results


def test_a_thread_cannot_outlive_its_program(sandbox: Sandbox) -> None:
    source = (
        SYSCALL
        + '#include <thread>\nint main() { std::thread([] { for (;;) asm(""); }).detach(); puts("done"); fflush(stdout); _exit(0); }'
    )
    assert run(sandbox, source).stdout == b"done\n"
    started = time.monotonic()
    quick = run(sandbox, SYSCALL + 'int main() { puts("quick"); }')
    assert quick.stdout == b"quick\n"
    assert quick.cpu_time_s < 0.1
    assert time.monotonic() - started < 5


JS_ESCAPING = """
const tried = {
  passwd: () => require('fs').readFileSync('/etc/passwd'),
  proc: () => require('fs').readdirSync('/proc'),
  spawn: () => { const r = require('child_process').spawnSync('/usr/bin/node', ['-v']); if (r.error) throw r.error; },
  write: () => require('fs').writeFileSync('/usr/bin/x', ''),
  kill: () => process.kill(2, 9),
  setuid: () => process.setuid(0),
  addon: () => process.dlopen({ exports: {} }, '/lib/none.node'),
};
for (const [name, f] of Object.entries(tried)) try { f(); console.log('could', name); } catch {}
require('net').connect(80, '127.0.0.1').on('connect', () => console.log('could connect')).on('error', () => console.log('end'));
"""


def test_javascript_cannot_reach_anything_outside(sandbox: Sandbox) -> None:
    result = run(sandbox, JS_ESCAPING, "javascript", Limits())
    assert (result.exit_code, result.stdout) == (0, b"end\n"), result


# --- programs that attack their compiler ---------------------------------------------------------

SMALL = '#include <cstdio>\nint main() { puts("1"); }'
COMPILE_BOMBS = {
    "dev_zero": "#include \"/dev/zero\"\nint main() {}",
    "dev_stdin": "#include \"/dev/stdin\"\nint main() {}",
    "host_file": "#include \"/etc/passwd\"\nint main() {}",
    "itself": "#include \"main.cpp\"\nint main() {}",
    "templates": "template <int N> struct A { A<N + 1> a; A<N + 2> b; };\nint main() { A<0> a; }",
    "template_types": "template <class T, class U> struct P {}; template <int N> struct A { typedef P<typename A<N - 1>::t, typename A<N - 1>::t> t; }; template <> struct A<0> { typedef int t; };\nint main() { A<900>::t x; puts(x); }",
    "big_data": "char a[1u << 31] = {1};\nint main() { return a[5]; }",
    "constexpr": "constexpr long f(long n) { long s = 0; for (long i = 0; i < n; i++) s ^= i; return s; }\nint main() { static_assert(f(1l << 60) == 0); }",
    "macros": "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(x)))\n#define C(x) B(B(B(x)))\nint main() { C(C(1;)) }",
    "assembler": "asm(\".rept 1000000000\\n.quad 1\\n.endr\");\nint main() {}",
    "incbin": "asm(\".incbin \\\"/dev/zero\\\"\");\nint main() {}",
    "many_errors": "int main() { " + "x; " * 300_000 + "}",
    "brackets": "int main() { return " + "(" * 30_000 + "}",
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(COMPILE_BOMBS))
def test_a_bomb_for_the_compiler_is_a_compile_error_in_time(judge: Judge, case: str) -> None:
    needs("cpp")
    started = time.monotonic()
    verdict = judge.judge(problem("cpp"), COMPILE_BOMBS[case])
    took_s = time.monotonic() - started
    assert verdict.status is Status.COMPILE_ERROR, verdict
    assert took_s < COMPILE_LIMITS.wall_limit_s + 0.2, took_s
    assert "root:" not in verdict.message + verdict.stderr
    assert len(verdict.message) <= 500
    assert judge.judge(problem("cpp"), RIGHT["cpp"]).accepted
    assert judge.judge(problem("cpp"), RIGHT["cpp"] + f"// {case}").accepted, "compiled anew"


def test_the_compiler_sees_nothing_of_the_host(sandbox: Sandbox) -> None:
    names = ("/etc/passwd", "/etc/hostname", "/proc/version", str(Path(__file__).resolve()))
    checks = "\n".join(f'#if __has_include("{name}")\n#error "{name}"\n#endif' for name in names)
    program = compiled(sandbox, checks + "\n" + SMALL)
    assert isinstance(program, Program), program


def test_a_compiler_that_is_stopped_leaves_no_process(sandbox: Sandbox) -> None:
    needs("cpp")
    limits = Limits(cpu_time_s=5, wall_time_s=0.5, memory_bytes=1 << 30, file_size_bytes=1 << 20)
    for _ in range(2):
        steps = prepare(language("cpp"), COMPILE_BOMBS["constexpr"].replace("1l << 60", "1l << 20"))
        needs("cpp")
        (first,) = next(steps)
        endless = replace(
            first, command=("/bin/sh", "-c", "sleep 100 & sleep 100 & wait"), limits=limits
        )  # type: ignore[arg-type]
        started = time.monotonic()
        assert sandbox.submit(endless).result(60).ended is Ended.WALL_LIMIT
        assert time.monotonic() - started < 0.9
    assert isinstance(compiled(sandbox, SMALL + "// after"), Program)


def test_a_command_that_is_not_there_is_a_fault_of_ours(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="No such file"):
        sandbox.submit(NativeRun(command=("/usr/bin/not-there",))).result(60)
