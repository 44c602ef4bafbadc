/* One process that runs one untrusted program after another.
 *
 * An *executor* is a child of the *tracer*. It prepares itself, calls checkpoint(), and from then
 * on returns from checkpoint() once per run, each time in the very state of the first: when a run
 * ends, the tracer stops the executor, writes the snapshot's contents over every page that the run
 * has written, takes away what the run has mapped, puts the registers back and lets it go on.
 *
 * The tracer believes nothing that the executor's memory says. It learns what a run has done from
 * the kernel alone:
 *
 *   - written pages: userfaultfd write protection in its asynchronous mode, read with PAGEMAP_SCAN;
 *   - mappings: the filter below stops the executor at every call that can take a mapping away,
 *     change it or put another in its place (munmap, mremap, mprotect, madvise, mmap with
 *     MAP_FIXED, brk below the snapshot's break), and the tracer reads the range in the registers:
 *     one that touches the snapshot's mappings spends the executor. What else changes mappings is
 *     denied (shmat, remap_file_pages) or spends it (arch_prctl, mlock). What passes only adds:
 *     any other mmap never replaces anything, nor does a mapping that grows down, and the stack
 *     has reached its limit already. So the snapshot's mappings are as they were, and others are
 *     there if and only if the size of the address space, which the kernel counts exactly, has
 *     changed. These are told from the snapshot's by the userfaultfd, with which no later one is
 *     registered; nor can a registered mapping merge with one that is not;
 *   - everything else: a seccomp filter lets pass what leaves nothing behind, and stops the
 *     executor at every other allowed call. The tracer lets that call proceed too, so that a
 *     program sees no difference, but the run is then the executor's last: it is *spent*.
 *
 * x86-64, Linux 6.11 or newer. No capability is needed.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "the rollback executor is written for x86-64"
#endif

#define PAGE 4096UL
#define ADDRESSES_END 0x7ffffffff000UL /* of user space, with four-level page tables */
#define CONTROL_FD 4                   /* the executor's end of its socket */
#define RUN_FDS 4                      /* descriptors of a run: 0 .. 3 */
#define STACK_BYTES (8UL << 20)
#define GAP_PAGES 32 /* fewer pages that need no look are cheaper to scan than to skip */

/* A page that was written in HOT of WINDOW runs is hot: it is left unprotected and restored after
 * every run, which costs less than the fault and the protecting anew. Every SWEEP runs this is
 * learned afresh. */
#define WINDOW 16
#define HOT 8
#define SWEEP 1024
#define IS_HOT UINT8_MAX

/* --- what older headers lack ------------------------------------------------------------------ */

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_WPALLOWED (1 << 0)
#define PAGE_IS_WRITTEN (1 << 1)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)

struct page_region {
    uint64_t start, end, categories;
};

struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#endif
#ifndef PROCMAP_QUERY
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)

struct procmap_query {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};
#endif
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

/* --- the executor's filter -------------------------------------------------------------------- */

/* Why the executor stops at a system call; the low half of SECCOMP_RET_TRACE. */
enum stop {
    STOP_END = 1, /* exit, exit_group: the run ends */
    STOP_SPENT,   /* changes something that is not undone */
    STOP_FDS,     /* makes a descriptor: look at them when the run ends */
    STOP_RANGE,   /* changes or replaces mappings: spent if it names one of the snapshot's */
    STOP_ACCOUNT, /* reads what the process has used: all runs together, so the tracer answers */
    STOP_LIMIT,   /* sets a resource limit */
};

/* Calls that change nothing but memory, the mappings, the contents of the run's own descriptors,
 * and what a descriptor of the run's own points at. */
static const int passing[] = {
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv,
    SYS_pwritev, SYS_lseek, SYS_clock_getres, SYS_nanosleep, SYS_gettimeofday, SYS_time,
    SYS_getrandom, SYS_sched_yield, SYS_getcpu, SYS_getpid,
    SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid,
    SYS_getresgid, SYS_getgroups, SYS_getpgid, SYS_getpgrp, SYS_getsid, SYS_capget, SYS_uname,
    SYS_sysinfo, SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lstat, SYS_statx, SYS_access,
    SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getcwd, SYS_getdents64,
    SYS_getdents, SYS_statfs, SYS_fstatfs, SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6,
    SYS_getrlimit, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
    SYS_getpriority, SYS_sendto, SYS_recvfrom, SYS_wait4, SYS_waitid, SYS_fadvise64,
};

/* Calls that a run may make, and that spend the executor. */
static const int spending[] = {
    SYS_chdir, SYS_fchdir, SYS_ftruncate, SYS_truncate, SYS_fallocate, SYS_fsync, SYS_fdatasync,
    SYS_sendfile, SYS_copy_file_range, SYS_flock, SYS_mkdirat, SYS_unlinkat, SYS_renameat,
    SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_utimensat,
    SYS_umask, SYS_mincore, SYS_msync, SYS_mlock, SYS_munlock, SYS_rt_sigreturn,
    SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_kill, SYS_tgkill,
    SYS_pidfd_open, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
    SYS_membarrier, SYS_setsid, SYS_getitimer, SYS_setitimer, SYS_timer_settime,
    SYS_timer_gettime, SYS_timer_delete, SYS_timer_getoverrun, SYS_timerfd_create,
    SYS_timerfd_settime, SYS_timerfd_gettime, SYS_prctl, SYS_capset, SYS_seccomp,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_signalfd4,
    SYS_socketpair, SYS_sendmsg, SYS_getsockopt, SYS_getsockname, SYS_getpeername, SYS_shutdown,
    SYS_pipe2, SYS_pipe, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_link, SYS_symlink,
    SYS_chmod, SYS_chown, SYS_lchown, SYS_alarm, SYS_pause, SYS_epoll_create, SYS_epoll_wait,
    SYS_arch_prctl, SYS_utime, SYS_utimes, SYS_futimesat, SYS_signalfd, SYS_eventfd,
};

#define THREAD_FLAGS 0x003D0F00U /* of clone, as the C library starts a thread */
#define PASS SECCOMP_RET_ALLOW
#define STOP(why) (SECCOMP_RET_TRACE | (why))
#define DENY(error) (SECCOMP_RET_ERRNO | (error))

typedef struct {
    struct sock_filter code[1024];
    unsigned count;
} Filter;

static void emit(Filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    f->code[f->count++] = (struct sock_filter){code, jt, jf, k};
}

static void emit_load(Filter *f, size_t offset) { emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }

static void emit_return(Filter *f, uint32_t what) { emit(f, BPF_RET | BPF_K, 0, 0, what); }

/* If the loaded word is `value`, returns `what`. */
static void emit_case(Filter *f, uint32_t value, uint32_t what)
{
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    emit_return(f, what);
}

/* One word of an argument: which = 0 .. 5, the low half. */
static size_t low_word(int which)
{
    return offsetof(struct seccomp_data, args) + 8 * (size_t)which;
}

/* Opens a block for one system call; close_block() sets where others go on. */
static unsigned open_block(Filter *f, int number)
{
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, (uint32_t)number);
    return f->count - 1;
}

/* Closes a block: what none of its cases has decided is `otherwise`. */
static void close_block(Filter *f, unsigned opened, uint32_t otherwise)
{
    emit_return(f, otherwise);
    f->code[opened].jf = (uint8_t)(f->count - opened - 1);
}

static void block_of_cases(Filter *f, int number, int arg, uint32_t mask, const uint32_t *values,
                           size_t count, uint32_t what, uint32_t otherwise)
{
    unsigned opened = open_block(f, number);
    emit_load(f, low_word(arg));
    if (mask != UINT32_MAX)
        emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
    for (size_t i = 0; i < count; i++)
        emit_case(f, values[i], what);
    close_block(f, opened, otherwise);
}

/* A call that only asks when the pointer in `arg` is null. */
static void block_if_null(Filter *f, int number, int arg, uint32_t otherwise)
{
    unsigned opened = open_block(f, number);
    emit_load(f, low_word(arg));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
    emit_load(f, low_word(arg) + 4);
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    emit_return(f, PASS);
    close_block(f, opened, otherwise);
}

/* A call that names descriptors up to the one in `arg`: one of the run's own passes. */
static void block_if_own_fd(Filter *f, int number, int arg, uint32_t otherwise)
{
    unsigned opened = open_block(f, number);
    emit_load(f, low_word(arg));
    emit(f, BPF_JMP | BPF_JGE | BPF_K, 1, 0, RUN_FDS);
    emit_return(f, PASS);
    emit_case(f, CONTROL_FD, STOP(STOP_SPENT));
    close_block(f, opened, otherwise);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A break below the snapshot's would take away a part of its heap. */
static void block_of_brk(Filter *f, uint64_t lowest)
{
    unsigned opened = open_block(f, SYS_brk);
    emit_load(f, low_word(0) + 4);
    emit(f, BPF_JMP | BPF_JGT | BPF_K, 3, 0, (uint32_t)(lowest >> 32));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)(lowest >> 32));
    emit_load(f, low_word(0));
    emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)lowest);
    emit_return(f, PASS);
    close_block(f, opened, STOP(STOP_RANGE));
}

static void build_filter(Filter *f, uint64_t lowest_brk)
{
    static const uint32_t wall_clocks[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
                                           CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
                                           CLOCK_MONOTONIC_COARSE,   CLOCK_BOOTTIME,
                                           CLOCK_TAI};
    static const uint32_t plain_futexes[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET,
                                             FUTEX_WAKE_BITSET};
    static const uint32_t asking_ioctls[] = {0x5401, 0x5413, 0x541B}; /* TCGETS, size, FIONREAD */
    static const uint32_t asking_fcntls[] = {F_GETFD, F_GETFL};
    static const uint32_t thread_flags[] = {THREAD_FLAGS};
    static const uint32_t read_only[] = {O_RDONLY};
    static const uint32_t control[] = {CONTROL_FD};
    const uint32_t how_opened =
        O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);

    unsigned opened;

    f->count = 0;
    emit_load(f, offsetof(struct seccomp_data, arch));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
    emit_return(f, SECCOMP_RET_KILL_PROCESS);
    emit_load(f, offsetof(struct seccomp_data, nr));
    emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000); /* the x32 numbers */
    emit_return(f, DENY(EPERM));

    block_of_cases(f, SYS_clock_gettime, 0, UINT32_MAX, wall_clocks, COUNT(wall_clocks), PASS,
                   STOP(STOP_ACCOUNT));
    block_of_cases(f, SYS_clock_nanosleep, 0, UINT32_MAX, wall_clocks, COUNT(wall_clocks), PASS,
                   DENY(EINVAL));
    block_of_cases(f, SYS_timer_create, 0, UINT32_MAX, wall_clocks, COUNT(wall_clocks),
                   STOP(STOP_SPENT), DENY(EINVAL));
    block_of_cases(f, SYS_futex, 1, 0x7F, plain_futexes, COUNT(plain_futexes), PASS,
                   STOP(STOP_SPENT));
    block_of_cases(f, SYS_clone, 0, UINT32_MAX, thread_flags, 1, STOP(STOP_SPENT), DENY(EPERM));
    block_of_cases(f, SYS_openat, 2, how_opened, read_only, 1, STOP(STOP_FDS), STOP(STOP_SPENT));
    block_of_cases(f, SYS_open, 1, how_opened, read_only, 1, STOP(STOP_FDS), STOP(STOP_SPENT));
    block_of_cases(f, SYS_recvmsg, 0, UINT32_MAX, control, 1, PASS, STOP(STOP_SPENT));
    block_of_cases(f, SYS_close, 0, UINT32_MAX, control, 1, STOP(STOP_SPENT), PASS);
    block_if_own_fd(f, SYS_close_range, 1, STOP(STOP_SPENT));
    block_if_own_fd(f, SYS_dup2, 1, STOP(STOP_FDS));
    block_if_own_fd(f, SYS_dup3, 1, STOP(STOP_FDS));
    block_if_null(f, SYS_rt_sigaction, 1, STOP(STOP_SPENT));
    block_if_null(f, SYS_rt_sigprocmask, 1, STOP(STOP_SPENT));
    block_if_null(f, SYS_sigaltstack, 0, STOP(STOP_SPENT));
    block_if_null(f, SYS_prlimit64, 2, STOP(STOP_LIMIT));

    block_of_brk(f, lowest_brk);
    opened = open_block(f, SYS_mmap);
    emit_load(f, low_word(3));
    emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, MAP_FIXED);
    emit_return(f, STOP(STOP_RANGE));
    close_block(f, opened, PASS);

    opened = open_block(f, SYS_ioctl);
    emit_load(f, low_word(1));
    for (size_t i = 0; i < COUNT(asking_ioctls); i++)
        emit_case(f, asking_ioctls[i], PASS);
    emit_case(f, FIONBIO, STOP(STOP_SPENT));
    emit_case(f, FIOCLEX, STOP(STOP_SPENT));
    emit_case(f, FIONCLEX, STOP(STOP_SPENT));
    close_block(f, opened, DENY(EPERM));

    opened = open_block(f, SYS_fcntl);
    emit_load(f, low_word(1));
    for (size_t i = 0; i < COUNT(asking_fcntls); i++)
        emit_case(f, asking_fcntls[i], PASS);
    emit_case(f, F_DUPFD, STOP(STOP_FDS));
    emit_case(f, F_DUPFD_CLOEXEC, STOP(STOP_FDS));
    close_block(f, opened, STOP(STOP_SPENT));

    emit_case(f, SYS_exit_group, STOP(STOP_END));
    emit_case(f, SYS_exit, STOP(STOP_END));
    emit_case(f, SYS_clone3, DENY(ENOSYS)); /* the C library then takes clone, as can be read */
    for (size_t i = 0; i < COUNT(passing); i++)
        emit_case(f, (uint32_t)passing[i], PASS);
    for (size_t i = 0; i < COUNT(spending); i++)
        emit_case(f, (uint32_t)spending[i], STOP(STOP_SPENT));
    emit_case(f, SYS_munmap, STOP(STOP_RANGE));
    emit_case(f, SYS_mprotect, STOP(STOP_RANGE));
    emit_case(f, SYS_mremap, STOP(STOP_RANGE));
    emit_case(f, SYS_madvise, STOP(STOP_RANGE));
    emit_case(f, SYS_getrusage, STOP(STOP_ACCOUNT));
    emit_case(f, SYS_times, STOP(STOP_ACCOUNT));
    emit_case(f, SYS_setrlimit, STOP(STOP_LIMIT));
    emit_case(f, SYS_dup, STOP(STOP_FDS));

    emit_return(f, DENY(EPERM)); /* userfaultfd, ptrace, process_vm_writev ... among them */
}

/* --- the executor's side ---------------------------------------------------------------------- */

static unsigned long saved_brk;

/* The snapshot's point. Stops at its first system call until the tracer lets it go on with
 *   rax == 0: a run begins;
 *   rax != 0: makes that system call, with the arguments that the tracer has put into the
 *             registers, and stops again with its result in rdi.
 * It works in registers alone: whatever state the memory is in, it does as the tracer says. */
static void stop_here(void)
{
    long result;
    unsigned long first = 0, second = saved_brk;
    __asm__ volatile("1: mov %[exit_group], %%eax\n\t"
                     "syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jz 2f\n\t"
                     "syscall\n\t"
                     "mov %%rax, %%rdi\n\t"
                     "jmp 1b\n"
                     "2:"
                     : "=a"(result), "+D"(first), "+S"(second)
                     : [exit_group] "i"(SYS_exit_group)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* Lets the stack, which ends at `end`, reach its limit now, so that it cannot grow in a run. */
static int grow_stack(uintptr_t end)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0)
        return -1;
    if (limit.rlim_cur > STACK_BYTES)
        limit.rlim_cur = STACK_BYTES;
    limit.rlim_cur &= ~(PAGE - 1);
    limit.rlim_max = limit.rlim_cur;
    if (setrlimit(RLIMIT_STACK, &limit) != 0)
        return -1;
    /* The kernel, too, grows the stack, and tells of a bad address, where a touch would be a
     * SIGSEGV. Only the last page is made. */
    return (int)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, end - limit.rlim_cur);
}

/* Sends `error`, and `fd` where there is one. */
static int send_hello(int sock, int error, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&error, sizeof error};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(sock, &message, MSG_NOSIGNAL) == (ssize_t)sizeof error ? 0 : -1;
}

/* Receives the run's descriptors: with 0 .. 3 closed, they land there in order. */
static int receive_run(void)
{
    char byte, space[CMSG_SPACE(RUN_FDS * sizeof(int))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    return syscall(SYS_recvmsg, CONTROL_FD, &message, 0) == 1 ? 0 : -1;
}

/* Files mapped shared, for reading, such as a cache of the C library's. */
#define MAX_SHARED 16

typedef struct {
    uintptr_t start, end;
} Range;

/* What the executor has to know about its own mappings, which it cannot see. */
typedef struct {
    Range stack;
    Range shared[MAX_SHARED + 1]; /* ends with one that is zero */
} Layout;

/* Puts copies of its own in place of what is shared, which a userfaultfd cannot register. */
static int unshare_mappings(const Range *range)
{
    for (; range->end != 0; range++) {
        size_t size = range->end - range->start;
        void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (copy == MAP_FAILED)
            return -1;
        memcpy(copy, (void *)range->start, size);
        if (mprotect(copy, size, PROT_READ) != 0 ||
            mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, range->start) == MAP_FAILED)
            return -1;
    }
    return 0;
}

static int install_filter(void)
{
    static Filter filter;
    build_filter(&filter, saved_brk);
    struct sock_fprog program = {(unsigned short)filter.count, filter.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

PyDoc_STRVAR(checkpoint_doc,
"checkpoint(control: int) -> None\n\n"
"In the executor: hands itself to the tracer and returns once per run.\n\n"
"Each time, descriptors 0..3 are the run's and everything else is as it was the first time. The\n"
"run ends with os._exit(). Descriptors above 4 are closed; capabilities, limits and further\n"
"filters are for the caller to set before.");

static PyObject *checkpoint(PyObject *module, PyObject *args)
{
    (void)module;
    int control, error = 0, uffd;
    Layout layout;
    sigset_t child;
    if (!PyArg_ParseTuple(args, "i", &control))
        return NULL;
    if (control != CONTROL_FD && dup2(control, CONTROL_FD) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    syscall(SYS_close_range, CONTROL_FD + 1, ~0U, 0);
    setsid(); /* its process group is how the tracer names all of its threads */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD); /* blocked by the tracer */
    if (sigprocmask(SIG_UNBLOCK, &child, NULL) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        error = errno;
    saved_brk = (unsigned long)syscall(SYS_brk, 0);
    uffd = error ? -1 : (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (uffd < 0 && !error)
        error = errno;
    if (send_hello(CONTROL_FD, error, uffd) != 0 || error)
        _exit(1);
    close(uffd);
    /* The tracer's answer says that it is attached; from then on the socket only receives. */
    if (read(CONTROL_FD, &layout, sizeof layout) != sizeof layout ||
        unshare_mappings(layout.shared) != 0 || grow_stack(layout.stack.end) != 0 ||
        shutdown(CONTROL_FD, SHUT_WR) != 0 || install_filter() != 0)
        _exit(1);
    stop_here(); /* the snapshot: every run goes on from here */
    /* A break that has moved within its last page shows in no mapping. */
    if ((unsigned long)syscall(SYS_brk, saved_brk) != saved_brk ||
        syscall(SYS_close_range, 0, RUN_FDS - 1, 0) != 0 || receive_run() != 0)
        __builtin_trap();
    Py_RETURN_NONE;
}

/* --- the tracer's side: what it knows --------------------------------------------------------- */

enum how { EXITED, SIGNALED, CPU_LIMIT, WALL_LIMIT, INTERRUPTED };

typedef struct {
    uintptr_t start, end;
    char *copy; /* where the snapshot's contents belong, or NULL where none are to be kept */
    bool readable, writable;
    bool fixed;     /* the kernel's own (vdso, vvar), which cannot be registered */
    bool shared;    /* a file that is mapped for reading alone, which cannot be registered */
    bool messages;  /* memory shared with the host, which empties it: neither kept nor restored */
    bool anonymous; /* no file is behind it */
    unsigned flags; /* as PROCMAP_QUERY tells them */
    char name[16];
} Region;

typedef struct {
    int64_t run, check, scan, restore, protect, resume; /* nanoseconds of the last run */
} Phases;

typedef struct {
    PyObject_HEAD
    pid_t pid;
    int sock, uffd, pagemap, maps, statm, status, fds, signals;
    Region *regions;
    size_t region_count;
    char *copies; /* of all regions, one after the other; most pages are never there */
    size_t copies_bytes;
    bool *in_image; /* of each page of the copies: it has to be fetched from the image before use */
    unsigned long pages_mapped, brk;
    unsigned long pages_found; /* mapped at the end of the run */
    struct user_regs_struct registers;
    char xstate[16384];
    size_t xstate_bytes;
    struct page_region *written;
    size_t written_count, written_room;
    struct page_region *segments; /* what is scanned for written pages: all that is writable */
    size_t segment_count;
    uint8_t *heat; /* of each page of the copies: in how many runs of the window it was written */
    size_t thread_count; /* other than the first */
    const char *spent; /* why it can run no more */
    bool look_at_fds, verify;
    unsigned long dirty_pages, runs;
    bool running, stopped; /* stopped: at the end of a run, not rolled back yet */
    int64_t cpu_before, cpu_limit, began, deadline;
    struct rusage usage; /* of all runs, once it is dead */
    Phases phases;
} Executor;

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec at;
    if (clock_gettime(clock, &at) != 0)
        return -1;
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static int64_t now(void) { return nanoseconds(CLOCK_MONOTONIC); }

/* The processor time of a process: its clock's number is made of its own. */
static int64_t cpu_time(pid_t pid) { return nanoseconds((clockid_t)((~(unsigned)pid << 3) | 2)); }

static void spend(Executor *self, const char *why)
{
    if (self->spent == NULL)
        self->spent = why;
}

/* Finds the region that holds `address`, or the first one after it. */
static const Region *region_at(const Executor *self, uintptr_t address)
{
    size_t low = 0, high = self->region_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->regions[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->region_count ? &self->regions[low] : NULL;
}

static bool touches_snapshot(const Executor *self, uintptr_t start, uintptr_t size)
{
    const Region *region = region_at(self, start);
    uintptr_t end = start + (size ? size : 1);
    return end < start || (region != NULL && region->start < end);
}

/* --- the tracer's side: stopping and going on ------------------------------------------------- */

static long trace(int request, pid_t pid, uintptr_t address, uintptr_t data)
{
    return ptrace((enum __ptrace_request)request, pid, (void *)address, (void *)data);
}

static int set_registers(const Executor *self, const struct user_regs_struct *registers)
{
    return trace(PTRACE_SETREGS, self->pid, 0, (uintptr_t)registers) == 0 ? 0 : -1;
}

/* Makes the system call that thread `tid` is stopped at return `result` without being made. */
static int answer(pid_t tid, long result)
{
    struct user_regs_struct registers;
    if (trace(PTRACE_GETREGS, tid, 0, (uintptr_t)&registers) != 0)
        return -1;
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)result;
    return trace(PTRACE_SETREGS, tid, 0, (uintptr_t)&registers) == 0 ? 0 : -1;
}

static int poke(pid_t tid, uintptr_t address, const void *data, size_t size)
{
    struct iovec ours = {(void *)(uintptr_t)data, size}, theirs = {(void *)address, size};
    return process_vm_writev(tid, &ours, 1, &theirs, 1, 0) == (ssize_t)size ? 0 : -1;
}

/* Answers a question about what the process has used, for this run alone. */
static int answer_account(Executor *self, pid_t tid, uint64_t number, const uint64_t *args)
{
    int64_t used = cpu_time(self->pid) - self->cpu_before;
    if (number == SYS_clock_gettime) {
        struct timespec at = {used / 1000000000, used % 1000000000};
        return answer(tid, poke(tid, args[1], &at, sizeof at) == 0 ? 0 : -EFAULT);
    }
    if (number == SYS_getrusage) {
        struct rusage usage = {.ru_utime = {used / 1000000000, used % 1000000000 / 1000}};
        return answer(tid, poke(tid, args[1], &usage, sizeof usage) == 0 ? 0 : -EFAULT);
    }
    struct tms ticks = {.tms_utime = used / 10000000};
    if (args[0] != 0 && poke(tid, args[0], &ticks, sizeof ticks) != 0)
        return answer(tid, -EFAULT);
    return answer(tid, now() / 10000000);
}

enum next { GO_ON, ENDED, LOST };

/* A thread that was stopped may be killed, with all others, before it is seen to. */
static enum next unless_gone(int result)
{
    return result == 0 || errno == ESRCH ? GO_ON : LOST;
}

/* Handles one stop at a system call. Returns ENDED where the run has ended, with its code. */
static enum next handle_call(Executor *self, pid_t tid, int *code)
{
    struct __ptrace_syscall_info info;
    if (trace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, (uintptr_t)&info) <= 0)
        return unless_gone(-1);
    if (info.op != PTRACE_SYSCALL_INFO_SECCOMP)
        return LOST;
    const uint64_t *args = (const uint64_t *)info.seccomp.args;
    uint64_t number = info.seccomp.nr;
    switch (info.seccomp.ret_data) {
    case STOP_END:
        if (number == SYS_exit && self->thread_count > 0)
            return GO_ON; /* one thread of several */
        *code = (int)(args[0] & 0xFF);
        return ENDED;
    case STOP_FDS:
        self->look_at_fds = true;
        return GO_ON;
    case STOP_RANGE:
        if (number == SYS_brk) {
            if (args[0] != 0 && args[0] < self->brk)
                spend(self, "the snapshot's break was moved");
        } else if (touches_snapshot(self, args[0], args[1]) ||
                   (number == SYS_mprotect && (args[2] & (PROT_GROWSDOWN | PROT_GROWSUP))) ||
                   (number == SYS_mremap && (args[3] & MREMAP_FIXED) &&
                    touches_snapshot(self, args[4], args[2]))) {
            spend(self, "the snapshot's mappings changed");
        }
        return GO_ON;
    case STOP_ACCOUNT:
        return unless_gone(answer_account(self, tid, number, args));
    case STOP_LIMIT:
        /* The process has used the time of all runs: only the tracer keeps account of it. */
        if ((uint32_t)args[number == SYS_prlimit64] == RLIMIT_CPU) {
            struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
            bool asks = number == SYS_prlimit64 && args[3] != 0;
            if (asks && poke(tid, args[3], &none, sizeof none) != 0)
                return unless_gone(answer(tid, -EFAULT));
            return unless_gone(answer(tid, 0));
        }
        spend(self, "a resource limit");
        return GO_ON;
    default:
        spend(self, "a system call that is not undone");
        return GO_ON;
    }
}

/* Looks whether a signal of the kernel's own, such as a fault's, ends the process. To be told from
 * what is delivered to it: the first process of a pid namespace would survive it while traced, and
 * fault for ever. */
static bool is_fatal(Executor *self, pid_t tid, int number)
{
    siginfo_t info;
    char text[4096];
    unsigned long caught;
    if (trace(PTRACE_GETSIGINFO, tid, 0, (uintptr_t)&info) != 0 || info.si_code <= 0 ||
        (number != SIGSEGV && number != SIGBUS && number != SIGILL && number != SIGFPE &&
         number != SIGTRAP && number != SIGSYS))
        return false;
    ssize_t length = pread(self->status, text, sizeof text - 1, 0);
    if (length <= 0)
        return true;
    text[length] = 0;
    const char *line = strstr(text, "\nSigCgt:");
    return line == NULL || sscanf(line, "\nSigCgt: %lx", &caught) != 1 ||
           !(caught >> (number - 1) & 1);
}

/* How long nothing need be looked at, unless the executor stops. */
static int64_t time_left(const Executor *self)
{
    int64_t cpu_left = self->cpu_limit - (cpu_time(self->pid) - self->cpu_before);
    int64_t left = self->deadline - now();
    /* More than one thread uses its time up sooner: look again before. */
    if (self->thread_count > 0 && cpu_left > 0)
        cpu_left = cpu_left / (int64_t)(self->thread_count + 1) + 2000000;
    return left < cpu_left ? left : cpu_left;
}

/* Sees to all that the executor has stopped for. GO_ON: it runs; ENDED: the run has ended, or must,
 * as `how` and `value` say; LOST: nothing is known of it. */
static enum next follow(Executor *self, enum how *how, int *value)
{
    for (;;) {
        int status;
        pid_t tid = wait4(-self->pid, &status, WNOHANG | __WALL, &self->usage);
        if (tid < 0)
            return LOST;
        if (tid == 0) {
            if (time_left(self) > 0)
                return GO_ON;
            *how = self->deadline <= now() ? WALL_LIMIT : CPU_LIMIT;
            spend(self, "a limit was reached");
            return ENDED;
        }
        if (!WIFSTOPPED(status)) {
            if (tid != self->pid) {
                self->thread_count--;
                continue;
            }
            *how = WIFSIGNALED(status) ? SIGNALED : EXITED;
            *value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
            self->pid = 0;
            spend(self, "it died");
            return ENDED;
        }
        int event = status >> 16, stopped_by = WSTOPSIG(status);
        int request = PTRACE_CONT, signal_number = 0;
        if (event == PTRACE_EVENT_SECCOMP) {
            enum next next = handle_call(self, tid, value);
            if (next != GO_ON) {
                *how = EXITED;
                return next;
            }
        } else if (event == PTRACE_EVENT_CLONE) {
            spend(self, "a thread");
            self->thread_count++;
        } else if (event == PTRACE_EVENT_STOP) {
            if (stopped_by != SIGTRAP) { /* stopped by a signal: it stays so */
                request = PTRACE_LISTEN;
                spend(self, "a signal");
            }
        } else {
            spend(self, "a signal");
            if (is_fatal(self, tid, stopped_by)) {
                *how = SIGNALED;
                *value = stopped_by;
                return ENDED;
            }
            /* The first process of a pid namespace cannot stop itself, unless it is traced. */
            signal_number = stopped_by == SIGSTOP ? 0 : stopped_by;
        }
        if (trace(request, tid, 0, (uintptr_t)signal_number) != 0 && errno != ESRCH)
            return LOST;
    }
}

/* Waits for the executor, which runs nothing of a program now, to stop at its first call. What the
 * tracer has it call may stop it, too, on the way. */
static int wait_here(Executor *self, struct __ptrace_syscall_info *info)
{
    for (;;) {
        int status;
        pid_t pid;
        do
            pid = waitpid(self->pid, &status, __WALL);
        while (pid < 0 && errno == EINTR);
        if (pid != self->pid)
            return -1;
        if (!WIFSTOPPED(status)) {
            self->pid = 0;
            return -1;
        }
        if (status >> 16 != PTRACE_EVENT_SECCOMP ||
            trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof *info, (uintptr_t)info) <= 0 ||
            info->op != PTRACE_SYSCALL_INFO_SECCOMP)
            return -1;
        if (info->seccomp.ret_data != STOP_RANGE)
            return info->seccomp.ret_data == STOP_END ? 0 : -1;
        if (trace(PTRACE_CONT, pid, 0, 0) != 0)
            return -1;
    }
}

/* Has the executor make one system call, from the snapshot's point. The result is hearsay. */
static int remote_call(Executor *self, long number, uintptr_t first, uintptr_t second)
{
    struct user_regs_struct registers = self->registers;
    struct __ptrace_syscall_info info;
    registers.rax = (unsigned long long)number;
    registers.rdi = first;
    registers.rsi = second;
    if (set_registers(self, &registers) != 0 || trace(PTRACE_CONT, self->pid, 0, 0) != 0)
        return -1;
    return wait_here(self, &info);
}

/* --- the tracer's side: the image ------------------------------------------------------------- */

/* A process that shares the tracer's memory as settle() found it, and does nothing for ever. What
 * an executor has inherited is read from there when a run has written over it, which few pages
 * ever are; to keep it costs the pages that the tracer itself writes later. Programs cannot name
 * this process: like each of them, it has a pid namespace of its own. */
static int image_memory = -1;

/* The tracer's own memory: which pages are still as settle() found them. */
static Executor base;
static bool base_set;

/* After a failed read from the image, which somebody has killed: later executors do without it. */
static const char *lose_image(void)
{
    base_set = false;
    return "the image is lost";
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

#define IMAGE_FLAGS 0x20001011L /* CLONE_NEWPID | CLONE_PIDFD | SIGCHLD, as runs are made */

/* Makes the image. The child works in registers alone, so that its memory stays as it is; no signal
 * but SIGKILL reaches it, and nobody waits for its end. */
static pid_t make_image(void)
{
    sigset_t all, before;
    int pidfd = -1;
    long result = SYS_clone;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return -1;
    __asm__ volatile("xor %%esi, %%esi\n\t"
                     "xor %%r10d, %%r10d\n\t"
                     "xor %%r8d, %%r8d\n\t"
                     "syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov $-1, %%esi\n\t" /* close_range(0, ~0, 0) */
                     "mov %[close_range], %%eax\n\t"
                     "syscall\n\t"
                     "mov %[pause], %%eax\n\t"
                     "syscall\n\t"
                     "mov %[exit], %%eax\n\t" /* not reached, unless pause is denied */
                     "syscall\n"
                     "1:"
                     : "+a"(result)
                     : "D"(IMAGE_FLAGS), "d"(&pidfd), [close_range] "i"(SYS_close_range),
                       [pause] "i"(SYS_pause), [exit] "i"(SYS_exit)
                     : "rcx", "rsi", "r8", "r10", "r11", "memory", "cc");
    close_fd(&pidfd);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (pid_t)result;
}

/* --- the tracer's side: memory ---------------------------------------------------------------- */

/* For more the kernel allocates whole pages on the way. */
#define AT_ONCE 128

/* Adds the pages that `arg` tells of to the list. */
static int scan_for(Executor *self, struct pm_scan_arg arg)
{
    uintptr_t end = arg.end;
    arg.size = sizeof arg;
    while (arg.start < end) {
        if (self->written_count + AT_ONCE > self->written_room) {
            size_t room = 2 * self->written_room + 1024;
            void *grown = realloc(self->written, room * sizeof *self->written);
            if (grown == NULL)
                return -1;
            self->written = grown;
            self->written_room = room;
        }
        arg.vec = (uintptr_t)(self->written + self->written_count);
        arg.vec_len = AT_ONCE;
        int count = ioctl(self->pagemap, PAGEMAP_SCAN, &arg);
        if (count < 0)
            return -1;
        self->written_count += (size_t)count;
        if (arg.walk_end <= arg.start)
            return -1;
        arg.start = arg.walk_end;
    }
    return 0;
}

/* The pages of `mask`, which `inverted` turns into those that are not. */
static int scan(Executor *self, uintptr_t start, uintptr_t end, uint64_t inverted, uint64_t mask)
{
    return scan_for(self, (struct pm_scan_arg){.start = start, .end = end, .return_mask = mask,
                                               .category_inverted = inverted,
                                               .category_mask = mask});
}

/* The pages that are in memory or swapped. */
static int scan_held(Executor *self, uintptr_t start, uintptr_t end)
{
    return scan_for(self, (struct pm_scan_arg){
                              .start = start, .end = end,
                              .return_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
                              .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED});
}

/* Looks whether what stands in the fixed regions' places are still these: no mapping of a
 * program's own can bear their names. */
static bool fixed_as_before(Executor *self)
{
    for (size_t i = 0; i < self->region_count; i++) {
        const Region *region = &self->regions[i];
        if (!region->fixed)
            continue;
        char name[16] = "";
        struct procmap_query query = {.size = sizeof query,
                                      .query_addr = region->start,
                                      .vma_name_size = sizeof name,
                                      .vma_name_addr = (uintptr_t)name};
        if (ioctl(self->maps, PROCMAP_QUERY, &query) != 0 || query.vma_start != region->start ||
            query.vma_end != region->end || query.vma_flags != region->flags ||
            strcmp(name, region->name) != 0)
            return false;
    }
    return true;
}

/* Finds the written pages. With `foreign` mappings about, those of the snapshot's have to be asked
 * for; without, that would cost the kernel's fast path, which is for written pages and no other
 * question. */
static int find_written(Executor *self, bool foreign)
{
    uint64_t mask = PAGE_IS_WRITTEN | (foreign ? PAGE_IS_WPALLOWED : 0);
    self->written_count = 0;
    for (size_t i = 0; i < self->segment_count; i++)
        if (scan_for(self, (struct pm_scan_arg){.start = self->segments[i].start,
                                                .end = self->segments[i].end,
                                                .category_mask = mask,
                                                .return_mask = mask}) != 0)
            return -1;
    return 0;
}

/* Finds what the run has mapped: all that is not registered, but for the fixed regions. */
static int find_foreign(Executor *self)
{
    self->written_count = 0;
    if (scan(self, 0, ADDRESSES_END, PAGE_IS_WPALLOWED, PAGE_IS_WPALLOWED) != 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < self->written_count; i++) {
        const Region *region = region_at(self, self->written[i].start);
        uintptr_t end = self->written[i].end;
        while (region != NULL && region->fixed && region->start <= self->written[i].start &&
               region->end <= end && self->written[i].start < end) {
            self->written[i].start = region->end;
            region = region_at(self, region->end);
        }
        if (self->written[i].start < end)
            self->written[kept++] = self->written[i];
    }
    self->written_count = kept;
    return 0;
}

static long pages_of(Executor *self, unsigned long *resident)
{
    char text[128];
    unsigned long size = 0, present = 0;
    ssize_t length = pread(self->statm, text, sizeof text - 1, 0);
    if (length <= 0)
        return -1;
    text[length] = 0;
    if (sscanf(text, "%lu %lu", &size, &present) != 2)
        return -1;
    if (resident != NULL)
        *resident = present;
    return (long)size;
}

/* Unmaps what the run has mapped. Its memory is the snapshot's again: with what the program has
 * left there, such as a restartable sequence, it might do something else than it is told. */
static const char *remove_foreign(Executor *self)
{
    if (remote_call(self, SYS_brk, self->brk, 0) != 0)
        return "it does not answer";
    if (find_foreign(self) != 0)
        return "its mappings cannot be read";
    for (size_t i = 0; i < self->written_count;) {
        uintptr_t start = self->written[i].start, end = self->written[i].end;
        const Region *next = region_at(self, start);
        /* One call for all that lie between the same two regions. */
        for (i++; i < self->written_count; i++) {
            if (next != NULL && self->written[i].start >= next->start)
                break;
            end = self->written[i].end;
        }
        if (remote_call(self, SYS_munmap, start, end - start) != 0)
            return "it does not answer";
    }
    return NULL;
}

/* Copies pages between this process and another, many at a time. */
typedef struct {
    pid_t pid;
    bool write; /* into the other */
    struct iovec ours[256], theirs[256];
    size_t count, bytes;
} Transfer;

static int transfer_flush(Transfer *t)
{
    ssize_t done = 0;
    if (t->count > 0)
        done = t->write ? process_vm_writev(t->pid, t->ours, t->count, t->theirs, t->count, 0)
                        : process_vm_readv(t->pid, t->ours, t->count, t->theirs, t->count, 0);
    bool complete = done == (ssize_t)t->bytes;
    t->count = t->bytes = 0;
    return complete ? 0 : -1;
}

static int transfer_add(Transfer *t, char *ours, uintptr_t theirs, size_t size)
{
    t->ours[t->count] = (struct iovec){ours, size};
    t->theirs[t->count] = (struct iovec){(void *)theirs, size};
    t->bytes += size;
    return ++t->count == COUNT(t->ours) ? transfer_flush(t) : 0;
}

/* The first page of a region among those of the copies. */
static size_t page_of(const Executor *self, const Region *region, uintptr_t address)
{
    return ((size_t)(region->copy - self->copies) + (address - region->start)) / PAGE;
}

/* Not with process_vm_readv, which would have the image copy what it shares. */
static int read_image(uintptr_t address, void *to, size_t size)
{
    return pread(image_memory, to, size, (off_t)address) == (ssize_t)size ? 0 : -1;
}

/* Fetches from the image what it alone has of these pages of a region. */
static int fetch(Executor *self, const Region *region, uintptr_t start, uintptr_t end)
{
    bool *in_image = self->in_image + page_of(self, region, start);
    for (uintptr_t at = start, next; at < end; at = next) {
        bool wanted = *in_image;
        for (next = at; next < end && *in_image == wanted; next += PAGE)
            *in_image++ = false;
        if (wanted && read_image(at, region->copy + (at - region->start), next - at) != 0)
            return -1;
    }
    return 0;
}

static const char *restore_written(Executor *self)
{
    Transfer transfer = {.pid = self->pid, .write = true};
    self->dirty_pages = 0;
    for (size_t i = 0; i < self->written_count; i++) {
        uintptr_t start = self->written[i].start, stop = self->written[i].end;
        self->dirty_pages += (stop - start) / PAGE;
        while (start < stop) {
            const Region *region = region_at(self, start);
            if (region == NULL || region->start > start || !region->writable)
                return "a page was written that is not writable";
            uintptr_t end = stop < region->end ? stop : region->end;
            if (fetch(self, region, start, end) != 0)
                return lose_image();
            if (transfer_add(&transfer, region->copy + (start - region->start), start,
                             end - start) != 0)
                return "its memory cannot be written";
            start = end;
        }
    }
    return transfer_flush(&transfer) == 0 ? NULL : "its memory cannot be written";
}

static int protect(Executor *self, uintptr_t start, uintptr_t end)
{
    struct uffdio_writeprotect ours = {.range = {start, end - start},
                                       .mode = UFFDIO_WRITEPROTECT_MODE_WP};
    return ioctl(self->uffd, UFFDIO_WRITEPROTECT, &ours) == 0 ? 0 : -1;
}

/* Protects the written pages again, but for the hot ones. */
static int protect_cold(Executor *self)
{
    for (size_t i = 0; i < self->written_count; i++) {
        uintptr_t at = self->written[i].start, stop = self->written[i].end, cold = at;
        while (at < stop) {
            const Region *region = region_at(self, at);
            uint8_t *heat = self->heat + page_of(self, region, at);
            uintptr_t end = stop < region->end ? stop : region->end;
            for (; at < end; at += PAGE, heat++) {
                if (*heat == IS_HOT) {
                    if (cold < at && protect(self, cold, at) != 0)
                        return -1;
                    cold = at + PAGE;
                } else {
                    ++*heat;
                }
            }
        }
        if (cold < stop && protect(self, cold, stop) != 0)
            return -1;
    }
    if (self->runs % WINDOW == 0)
        for (size_t i = 0; i < self->copies_bytes / PAGE; i++)
            self->heat[i] = self->heat[i] >= HOT ? IS_HOT : 0;
    if (self->runs % SWEEP == 0) {
        memset(self->heat, 0, self->copies_bytes / PAGE);
        for (size_t i = 0; i < self->written_count; i++) /* every hot page is among them */
            if (protect(self, self->written[i].start, self->written[i].end) != 0)
                return -1;
    }
    return 0;
}

/* Compares all memory that is kept with the executor's. */
static const char *verify_memory(Executor *self)
{
    static char found[64 * PAGE], wanted[64 * PAGE];
    for (size_t i = 0; i < self->region_count; i++) {
        const Region *region = &self->regions[i];
        if (region->copy == NULL)
            continue;
        for (uintptr_t at = region->start; at < region->end; at += sizeof found) {
            size_t size = region->end - at < sizeof found ? region->end - at : sizeof found;
            const bool *in_image = self->in_image + page_of(self, region, at);
            struct iovec ours = {found, size}, theirs = {(void *)at, size};
            if (process_vm_readv(self->pid, &ours, 1, &theirs, 1, 0) != (ssize_t)size)
                return "unreadable";
            if (memchr(in_image, true, size / PAGE) != NULL && read_image(at, wanted, size) != 0)
                return "lost with the image";
            for (size_t done = 0; done < size; done += PAGE)
                if (!*in_image++)
                    memcpy(wanted + done, region->copy + (at - region->start) + done, PAGE);
            if (memcmp(found, wanted, size) != 0)
                return "different";
        }
    }
    return NULL;
}

/* Compares what the size of the address space tells of a run with all of its mappings. */
static void verify_mappings(Executor *self, bool foreign)
{
    bool as_told = find_foreign(self) == 0 && foreign == (self->written_count > 0) &&
                   fixed_as_before(self);
    for (size_t i = 0; as_told && i < self->written_count; i++)
        as_told = !touches_snapshot(self, self->written[i].start,
                                    self->written[i].end - self->written[i].start);
    if (!as_told) {
        fprintf(stderr, "rollback: mappings have changed unseen\n");
        abort();
    }
}

/* Looks whether the descriptors are 0..4 or fewer, 4 among them. */
static bool fds_as_before(Executor *self)
{
    char buffer[4096];
    bool control = false;
    if (lseek(self->fds, 0, SEEK_SET) != 0)
        return false;
    for (;;) {
        long size = syscall(SYS_getdents64, self->fds, buffer, sizeof buffer);
        if (size <= 0)
            return size == 0 && control;
        for (long at = 0; at < size;) {
            uint16_t length;
            memcpy(&length, buffer + at + 16, sizeof length); /* of struct linux_dirent64 */
            const char *name = buffer + at + 19;
            if (name[0] != '.') {
                if (name[0] < '0' || name[0] > '0' + CONTROL_FD || name[1] != 0)
                    return false;
                control = control || name[0] == '0' + CONTROL_FD;
            }
            at += length;
        }
    }
}

/* Looks whether the floating-point and vector registers, and a protection key's, are set. */
static bool same_xstate(const Executor *self)
{
    char now_there[sizeof self->xstate];
    struct iovec xstate = {now_there, sizeof now_there};
    return trace(PTRACE_GETREGSET, self->pid, NT_X86_XSTATE, (uintptr_t)&xstate) == 0 &&
           xstate.iov_len == self->xstate_bytes &&
           memcmp(now_there, self->xstate, self->xstate_bytes) == 0;
}

/* Takes the executor, stopped at the end of a run, back to the snapshot. Returns why not. */
static const char *roll_back(Executor *self)
{
    const char *why;
    struct user_regs_struct registers;
    int64_t began = now(), at;

    if (self->look_at_fds && !fds_as_before(self))
        return "a file descriptor";
    bool foreign = self->pages_found != self->pages_mapped;
    if (self->verify)
        verify_mappings(self, foreign);
    self->phases.check = (at = now()) - began;
    began = at;
    if (find_written(self, foreign) != 0)
        return "its pages cannot be read";
    self->phases.scan = (at = now()) - began;
    began = at;
    if ((why = restore_written(self)) != NULL)
        return why;
    if (foreign) {
        if ((why = remove_foreign(self)) != NULL)
            return why;
        if (find_foreign(self) != 0 || self->written_count > 0)
            return "a mapping is left";
        if (find_written(self, false) != 0)
            return "its pages cannot be read";
        if ((why = restore_written(self)) != NULL)
            return why;
        if (pages_of(self, NULL) != (long)self->pages_mapped)
            return "a mapping of the snapshot is gone";
    }
    self->phases.restore = (at = now()) - began;
    began = at;
    if (protect_cold(self) != 0)
        return "its memory cannot be protected";
    self->phases.protect = (at = now()) - began;
    began = at;
    struct iovec xstate = {self->xstate, self->xstate_bytes};
    if (set_registers(self, &self->registers) != 0 ||
        trace(PTRACE_SETREGSET, self->pid, NT_X86_XSTATE, (uintptr_t)&xstate) != 0 ||
        trace(PTRACE_GETREGS, self->pid, 0, (uintptr_t)&registers) != 0)
        return "its registers cannot be set";
    if (memcmp(&registers, &self->registers, sizeof registers) != 0 || !same_xstate(self))
        return "a flag that cannot be set back";
    if (self->verify && (why = verify_memory(self)) != NULL) {
        fprintf(stderr, "rollback: after the rollback, memory is %s\n", why);
        abort();
    }
    if (trace(PTRACE_CONT, self->pid, 0, 0) != 0)
        return "it cannot go on";
    self->phases.resume = now() - began;
    return NULL;
}

/* --- the tracer's side: taking over ----------------------------------------------------------- */

/* Receives the executor's userfaultfd. */
static int receive_hello(int sock, int *uffd)
{
    int error = 0;
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&error, sizeof error};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t size;
    do
        size = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (size == (ssize_t)sizeof error && error == 0 && header != NULL)
        memcpy(uffd, CMSG_DATA(header), sizeof *uffd);
    else
        errno = error ? error : ECHILD;
    return *uffd >= 0 ? 0 : -1;
}

static int open_proc(int proc, pid_t pid, const char *name, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "%d/%s", (int)pid, name);
    return openat(proc, path, O_RDONLY | O_CLOEXEC | flags);
}

/* Reads the list of mappings. */
static int read_regions(Executor *self, int proc)
{
    int fd = open_proc(proc, self->pid, "maps", 0);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t room = self->region_count, space = 0;
    int result = file == NULL ? -1 : 0;
    self->region_count = 0;
    while (result == 0 && getline(&line, &space, file) > 0) {
        unsigned long start, end, inode;
        char mode[5], name[16] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %lu %15s", &start, &end, mode, &inode, name) < 4) {
            errno = EPROTO;
            result = -1;
        } else if (start < ADDRESSES_END) {
            bool messages = mode[1] == 'w' && mode[3] == 's';
            if (self->region_count == room) {
                room = 2 * room + 128;
                void *regions = realloc(self->regions, room * sizeof *self->regions);
                if (regions == NULL) {
                    result = -1;
                    break;
                }
                self->regions = regions;
            }
            self->regions[self->region_count++] = (Region){
                .start = start,
                .end = end,
                .readable = mode[0] == 'r',
                .writable = mode[1] == 'w' && !messages,
                .messages = messages,
                .fixed = strncmp(name, "[vvar", 5) == 0 || strcmp(name, "[vdso]") == 0,
                .shared = mode[3] == 's' && !messages,
                .anonymous = inode == 0,
                .flags = (mode[0] == 'r') | (mode[1] == 'w') << 1 | (mode[2] == 'x') << 2,
            };
            memcpy(self->regions[self->region_count - 1].name, name, sizeof name);
        }
    }
    free(line);
    if (file != NULL)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    return result;
}

/* Tells the executor its layout, and so that the tracer is attached. */
static int send_layout(Executor *self)
{
    Layout layout = {{0, 0}, {{0, 0}}};
    size_t count = 0;
    for (size_t i = 0; i < self->region_count; i++) {
        const Region *region = &self->regions[i];
        if (strcmp(region->name, "[stack]") == 0)
            layout.stack = (Range){region->start, region->end};
        if (region->shared) {
            if (count == MAX_SHARED) {
                errno = E2BIG;
                return -1;
            }
            layout.shared[count++] = (Range){region->start, region->end};
        }
    }
    return send(self->sock, &layout, sizeof layout, MSG_NOSIGNAL) == sizeof layout ? 0 : -1;
}

static bool is_kept(const Executor *self, const Region *region)
{
    return region->readable && !region->fixed && !region->messages &&
           (region->writable || self->verify);
}

/* Registers all mappings, or the `kept` ones alone, and protects them. */
static int protect_regions(Executor *self, bool kept)
{
    for (size_t i = 0; i < self->region_count; i++) {
        const Region *region = &self->regions[i];
        if (region->fixed || (kept && !is_kept(self, region)))
            continue;
        struct uffdio_register ours = {
            .range = {region->start, region->end - region->start},
            .mode = UFFDIO_REGISTER_MODE_WP,
        };
        /* This protects a page that is not there, too, which would else count as written. */
        if (ioctl(self->uffd, UFFDIO_REGISTER, &ours) != 0 ||
            protect(self, region->start, region->end) != 0)
            return -1;
    }
    return 0;
}

/* Lists what is to be scanned after each run. */
static int list_segments(Executor *self)
{
    self->segments = calloc(self->region_count, sizeof *self->segments);
    if (self->segments == NULL)
        return -1;
    uintptr_t skipped = 0;
    for (size_t i = 0; i < self->region_count; i++) {
        const Region *region = &self->regions[i];
        if (!region->writable) {
            bool never = region->fixed || region->messages;
            skipped += never ? GAP_PAGES * PAGE : region->end - region->start;
            continue;
        }
        if (self->segment_count == 0 || skipped >= GAP_PAGES * PAGE)
            self->segments[self->segment_count++].start = region->start;
        self->segments[self->segment_count - 1].end = region->end;
        skipped = 0;
    }
    return 0;
}

enum source { READ, INHERITED, EMPTY };

/* Where a page of a fresh executor comes from, by its entry in the pagemap. `in_image`: the tracer
 * has not written it since settle(). It is still that page if the executor has not written it, too:
 * what it writes is its own alone. */
static enum source source_of(uint64_t entry, bool anonymous, bool in_image)
{
    bool present = entry >> 63 & 1, swapped = entry >> 62 & 1, exclusive = entry >> 56 & 1;
    if (swapped || (present && exclusive))
        return READ;
    if (!present && anonymous)
        return EMPTY;
    return in_image ? INHERITED : READ;
}

/* Copies of a region what the image does not hold, and notes what it does. */
static int copy_inherited(Executor *self, const Region *region, Transfer *transfer)
{
    size_t pages = (region->end - region->start) / PAGE;
    uint64_t *entries = malloc(pages * sizeof *entries);
    bool *in_image = self->in_image + page_of(self, region, region->start);
    int result = entries == NULL ? -1 : 0;
    for (size_t i = 0; result == 0 && i < base.region_count; i++) {
        const Region *old = &base.regions[i];
        uintptr_t start = old->start > region->start ? old->start : region->start;
        uintptr_t end = old->end < region->end ? old->end : region->end;
        if (is_kept(&base, old) && old->anonymous == region->anonymous && start < end)
            memset(in_image + (start - region->start) / PAGE, true, (end - start) / PAGE);
    }
    base.written_count = 0;
    if (result == 0 && (scan(&base, region->start, region->end, 0, PAGE_IS_WRITTEN) != 0 ||
                        scan(&base, region->start, region->end, PAGE_IS_WPALLOWED,
                             PAGE_IS_WPALLOWED) != 0))
        result = -1;
    for (size_t i = 0; result == 0 && i < base.written_count; i++)
        memset(in_image + (base.written[i].start - region->start) / PAGE, false,
               (base.written[i].end - base.written[i].start) / PAGE);
    if (result == 0 && pread(self->pagemap, entries, pages * sizeof *entries,
                             (off_t)(region->start / PAGE * sizeof *entries)) !=
                           (ssize_t)(pages * sizeof *entries))
        result = -1;
    for (size_t i = 0, next; result == 0 && i < pages; i = next) {
        enum source source = source_of(entries[i], region->anonymous, in_image[i]);
        for (next = i; next < pages; next++) {
            if (source_of(entries[next], region->anonymous, in_image[next]) != source)
                break;
            in_image[next] = source == INHERITED;
        }
        if (source == READ)
            result = transfer_add(transfer, region->copy + i * PAGE, region->start + i * PAGE,
                                  (next - i) * PAGE);
    }
    free(entries);
    return result;
}

/* Copies what the executor's memory holds, but for what the image holds, too. Pages that it has
 * never touched stay zero. */
static int copy_regions(Executor *self)
{
    Transfer transfer = {.pid = self->pid, .write = false};
    for (size_t i = 0; i < self->region_count; i++)
        if (is_kept(self, &self->regions[i]))
            self->copies_bytes += self->regions[i].end - self->regions[i].start;
    char *at = mmap(NULL, self->copies_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -1;
    self->copies = at;
    madvise(at, self->copies_bytes, MADV_DONTFORK); /* a fork need not copy its page tables */
    self->heat = calloc(self->copies_bytes / PAGE, 1);
    self->in_image = calloc(self->copies_bytes / PAGE, 1);
    if (self->heat == NULL || self->in_image == NULL)
        return -1;
    for (size_t i = 0; i < self->region_count; i++) {
        Region *region = &self->regions[i];
        if (!is_kept(self, region))
            continue;
        region->copy = at;
        at += region->end - region->start;
        if (base_set) {
            if (copy_inherited(self, region, &transfer) != 0)
                return -1;
            continue;
        }
        if (!region->anonymous) {
            if (transfer_add(&transfer, region->copy, region->start, region->end - region->start))
                return -1;
            continue;
        }
        self->written_count = 0;
        if (scan_held(self, region->start, region->end) != 0)
            return -1;
        for (size_t j = 0; j < self->written_count; j++) {
            const struct page_region *held = &self->written[j];
            if (transfer_add(&transfer, region->copy + (held->start - region->start), held->start,
                             held->end - held->start) != 0)
                return -1;
        }
    }
    return transfer_flush(&transfer);
}

static int open_uffd(int uffd)
{
    struct uffdio_api api = {
        .api = UFFD_API,
        .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_ASYNC |
                    UFFD_FEATURE_WP_UNPOPULATED,
    };
    return ioctl(uffd, UFFDIO_API, &api);
}

/* Attaches, waits for the executor to reach the snapshot's point and takes the snapshot. */
static int take_over(Executor *self, int proc)
{
    const uintptr_t options =
        PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE;
    struct __ptrace_syscall_info info;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (receive_hello(self->sock, &self->uffd) != 0 || open_uffd(self->uffd) != 0 ||
        trace(PTRACE_SEIZE, self->pid, 0, options) != 0 ||
        (self->pagemap = open_proc(proc, self->pid, "pagemap", 0)) < 0 ||
        (self->maps = open_proc(proc, self->pid, "maps", 0)) < 0 ||
        (self->statm = open_proc(proc, self->pid, "statm", 0)) < 0 ||
        (self->status = open_proc(proc, self->pid, "status", 0)) < 0 ||
        (self->fds = open_proc(proc, self->pid, "fd", O_DIRECTORY)) < 0 ||
        pthread_sigmask(SIG_BLOCK, &child, NULL) != 0 ||
        (self->signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC)) < 0 ||
        read_regions(self, proc) != 0 || send_layout(self) != 0)
        return -1;
    if (wait_here(self, &info) != 0) {
        errno = ECHILD;
        return -1;
    }
    self->brk = info.seccomp.args[1];
    struct iovec xstate = {self->xstate, sizeof self->xstate};
    if (trace(PTRACE_GETREGS, self->pid, 0, (uintptr_t)&self->registers) != 0 ||
        trace(PTRACE_GETREGSET, self->pid, NT_X86_XSTATE, (uintptr_t)&xstate) != 0)
        return -1;
    self->xstate_bytes = xstate.iov_len;
    self->registers.orig_rax = (unsigned long long)-1; /* the call is not made */
    self->registers.rax = 0;                           /* a run begins */
    if (read_regions(self, proc) != 0 || copy_regions(self) != 0 ||
        protect_regions(self, false) != 0 || list_segments(self) != 0)
        return -1;
    if (self->verify && verify_memory(self) != NULL) {
        fprintf(stderr, "rollback: the snapshot is not what it is of\n");
        abort();
    }
    self->pages_mapped = (unsigned long)pages_of(self, NULL);
    if (find_written(self, false) != 0 || !fixed_as_before(self))
        return -1;
    if (!fds_as_before(self)) {
        errno = EBADF;
        return -1;
    }
    return set_registers(self, &self->registers) == 0 && trace(PTRACE_CONT, self->pid, 0, 0) == 0
               ? 0
               : -1;
}

static int send_run(Executor *self, const int *fds)
{
    char byte = 0, space[CMSG_SPACE(RUN_FDS * sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(RUN_FDS * sizeof(int));
    memcpy(CMSG_DATA(header), fds, RUN_FDS * sizeof(int));
    return sendmsg(self->sock, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static void kill_executor(Executor *self)
{
    int status;
    if (self->pid <= 0)
        return;
    kill(self->pid, SIGKILL);
    /* The first thread is reaped last, and each of the others, even one of which nobody has told
     * yet, has to be reaped before. */
    for (;;) {
        pid_t tid = wait4(-self->pid, &status, __WALL, &self->usage);
        if (tid < 0 && errno == EINTR)
            continue;
        if (tid < 0 || (tid == self->pid && !WIFSTOPPED(status)))
            break;
    }
    self->thread_count = 0;
    self->pid = 0;
}

static void release(Executor *self)
{
    kill_executor(self);
    close_fd(&self->sock);
    close_fd(&self->uffd);
    close_fd(&self->pagemap);
    close_fd(&self->maps);
    close_fd(&self->statm);
    close_fd(&self->status);
    close_fd(&self->fds);
    close_fd(&self->signals);
    free(self->regions);
    free(self->written);
    free(self->segments);
    free(self->heat);
    free(self->in_image);
    if (self->copies != NULL)
        munmap(self->copies, self->copies_bytes);
    self->regions = NULL;
    self->written = NULL;
    self->segments = NULL;
    self->heat = NULL;
    self->in_image = NULL;
    self->copies = NULL;
    self->region_count = 0;
}

/* --- the tracer's side: for Python ------------------------------------------------------------ */

/* Where the C library has the kernel note the processor that a thread is on. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));

PyDoc_STRVAR(settle_doc,
"settle(proc: int) -> None\n\n"
"In the tracer, once, when it is warm and still dumpable: forks an image of its memory, which\n"
"lives as long as its pid namespace, so that executors need hold no copies of what they inherit\n"
"and cost little more than a fork to make. It can be left out. Children must close the descriptors\n"
"that it opens, and all above 4, before they run a program.");

static PyObject *settle(PyObject *module, PyObject *args)
{
    (void)module;
    int proc;
    pid_t image = -1;
    if (!PyArg_ParseTuple(args, "i", &proc))
        return NULL;
    if (base.pid != 0) {
        PyErr_SetString(PyExc_RuntimeError, "settle() is called once");
        return NULL;
    }
    base.pid = getpid();
    base.pagemap = open_proc(proc, base.pid, "pagemap", 0);
    base.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    /* Protected first: what is written before the image is made counts as written. */
    if (base.pagemap < 0 || base.uffd < 0 || open_uffd(base.uffd) != 0 ||
        read_regions(&base, proc) != 0 || protect_regions(&base, true) != 0 ||
        (image = make_image()) < 0 || (image_memory = open_proc(proc, image, "mem", 0)) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        if (image > 0) {
            kill(image, SIGKILL);
            waitpid(image, NULL, 0);
        }
        return NULL;
    }
    if (&__rseq_offset != NULL) { /* the kernel writes there, in the image too: not to be trusted */
        volatile char *noted = (volatile char *)__builtin_thread_pointer() + __rseq_offset;
        *noted = *noted;
    }
    base_set = true;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(executor_doc,
"Executor(pid: int, control: int, proc: int, verify: bool = False)\n\n"
"Takes over the child `pid`, which is in checkpoint() with the other end of the socket `control`\n"
"(SOCK_SEQPACKET; this object closes its end). `proc` is the folder of a procfs in whose pid\n"
"namespace `pid` counts; it is used here and not kept. With `verify`, all memory is compared with\n"
"the snapshot after each rollback, and a difference aborts: for tests.");

static int executor_init(Executor *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"pid", "control", "proc", "verify", NULL};
    int pid, control, proc, verify = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iii|p", names, &pid, &control, &proc,
                                     &verify))
        return -1;
    if (self->pid != 0 || self->spent != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "an Executor is made once");
        return -1;
    }
    self->pid = pid;
    self->sock = control;
    self->uffd = self->pagemap = self->maps = self->statm = -1;
    self->status = self->fds = self->signals = -1;
    self->verify = verify;
    if (take_over(self, proc) != 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        spend(self, "it was not taken over");
        release(self);
        return -1;
    }
    return 0;
}

static void executor_dealloc(Executor *self)
{
    if (self->copies != NULL || self->pid > 0)
        release(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyDoc_STRVAR(begin_doc,
"begin(fds, cpu_s, wall_s) -> None\n\n"
"Has the executor run with the four descriptors `fds` as its 0..3.\n\n"
"From then on step() is to be called whenever fileno() can be read and after left() seconds.");

static PyObject *executor_begin(Executor *self, PyObject *args)
{
    int fds[RUN_FDS];
    double cpu_s, wall_s;
    if (!PyArg_ParseTuple(args, "(iiii)dd", &fds[0], &fds[1], &fds[2], &fds[3], &cpu_s, &wall_s))
        return NULL;
    if (self->spent != NULL || self->pid <= 0 || self->running || self->stopped) {
        PyErr_SetString(PyExc_RuntimeError, self->running   ? "a run is on"
                                            : self->stopped ? "it is not restored"
                                                            : "it is spent");
        return NULL;
    }
    self->began = now();
    self->deadline = self->began + (int64_t)(wall_s * 1e9);
    self->cpu_limit = (int64_t)(cpu_s * 1e9);
    self->cpu_before = cpu_time(self->pid);
    self->look_at_fds = false;
    self->running = true;
    if (send_run(self, fds) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static int64_t cpu_used(const struct rusage *usage)
{
    return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

/* Ends the run, as `how` and `value` say: the executor is stopped, or dead where it is spent. */
static PyObject *finish(Executor *self, enum how how, int value)
{
    unsigned long resident = 0;
    int64_t wall = now() - self->began;
    int64_t cpu = self->pid > 0 ? cpu_time(self->pid) : cpu_used(&self->usage);
    cpu -= self->cpu_before;

    self->running = false;
    self->phases.run = wall;
    self->runs++;
    if (self->spent == NULL) {
        self->pages_found = (unsigned long)pages_of(self, &resident);
        self->stopped = true;
    } else {
        Py_BEGIN_ALLOW_THREADS
        kill_executor(self);
        Py_END_ALLOW_THREADS
    }
    uint64_t bytes = self->spent ? (uint64_t)self->usage.ru_maxrss * 1024 : resident * PAGE;
    return Py_BuildValue("(iiddK)", (int)how, value, (double)cpu / 1e9, (double)wall / 1e9,
                         (unsigned long long)bytes);
}

PyDoc_STRVAR(restore_doc,
"restore() -> None\n\n"
"After a run has ended: rolls the executor back, or kills it and sets `spent` where that cannot be.\n"
"Apart from step(), so that somebody else can look at the run's results meanwhile.");

static PyObject *executor_restore(Executor *self, PyObject *unused)
{
    (void)unused;
    if (self->stopped) {
        self->stopped = false;
        Py_BEGIN_ALLOW_THREADS
        const char *why = roll_back(self);
        if (why != NULL) {
            spend(self, why);
            kill_executor(self);
        }
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

static PyObject *lose(Executor *self)
{
    spend(self, "it was lost");
    self->running = false;
    kill_executor(self);
    PyErr_SetString(PyExc_OSError, "the executor was lost");
    return NULL;
}

static bool is_running(const Executor *self)
{
    if (!self->running)
        PyErr_SetString(PyExc_RuntimeError, "no run is on");
    return self->running;
}

PyDoc_STRVAR(step_doc,
"step() -> (how, value, cpu_s, wall_s, resident_bytes) | None\n\n"
"Sees to what the executor has stopped for; None while the run goes on, else how it ended.\n\n"
"`how` is EXITED (value: the code), SIGNALED (value: the signal), CPU_LIMIT, WALL_LIMIT or\n"
"INTERRUPTED. Then restore() is to be called; afterwards `spent` says why the executor is dead and\n"
"must be replaced, or is None.");

static PyObject *executor_step(Executor *self, PyObject *unused)
{
    (void)unused;
    enum how how = EXITED;
    int value = 0;
    struct signalfd_siginfo info;
    if (!is_running(self))
        return NULL;
    if (read(self->signals, &info, sizeof info) < 0 && errno != EAGAIN) /* at most one is kept */
        return lose(self);
    switch (follow(self, &how, &value)) {
    case GO_ON:
        Py_RETURN_NONE;
    case ENDED:
        return finish(self, how, value);
    default:
        return lose(self);
    }
}

static PyObject *executor_interrupt(Executor *self, PyObject *unused)
{
    (void)unused;
    if (!is_running(self))
        return NULL;
    spend(self, "interrupted");
    return finish(self, INTERRUPTED, 0);
}

static PyObject *executor_left(Executor *self, PyObject *unused)
{
    (void)unused;
    return is_running(self) ? PyFloat_FromDouble((double)time_left(self) / 1e9) : NULL;
}

static PyObject *executor_fileno(Executor *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(self->signals);
}

static PyObject *executor_close(Executor *self, PyObject *unused)
{
    (void)unused;
    spend(self, "closed");
    release(self);
    Py_RETURN_NONE;
}

static PyObject *executor_get_spent(Executor *self, void *unused)
{
    (void)unused;
    if (self->spent == NULL)
        Py_RETURN_NONE;
    return PyUnicode_FromString(self->spent);
}

static PyObject *executor_get_phases(Executor *self, void *unused)
{
    (void)unused;
    const Phases *p = &self->phases;
    return Py_BuildValue("{sLsLsLsLsLsL}", "run", p->run, "scan", p->scan, "check", p->check,
                         "restore", p->restore, "protect", p->protect, "resume", p->resume);
}

static PyObject *executor_get_sizes(Executor *self, void *unused)
{
    (void)unused;
    return Py_BuildValue("{snsKsKsk}", "mappings", (Py_ssize_t)self->region_count, "copied_bytes",
                         (unsigned long long)self->copies_bytes, "mapped_pages",
                         (unsigned long long)self->pages_mapped, "runs", self->runs);
}

static PyObject *executor_get_dirty_pages(Executor *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(self->dirty_pages);
}

static PyMethodDef executor_methods[] = {
    {"begin", (PyCFunction)executor_begin, METH_VARARGS, begin_doc},
    {"step", (PyCFunction)executor_step, METH_NOARGS, step_doc},
    {"restore", (PyCFunction)executor_restore, METH_NOARGS, restore_doc},
    {"interrupt", (PyCFunction)executor_interrupt, METH_NOARGS,
     "Ends the run, as step() would when a limit is reached."},
    {"left", (PyCFunction)executor_left, METH_NOARGS,
     "Seconds after which step() is to be called though nothing can be read."},
    {"fileno", (PyCFunction)executor_fileno, METH_NOARGS, "What to wait for."},
    {"close", (PyCFunction)executor_close, METH_NOARGS, "Kills and forgets the executor."},
    {NULL, NULL, 0, NULL},
};

static PyObject *executor_get_pid(Executor *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(self->pid);
}

static PyGetSetDef executor_properties[] = {
    {"pid", (getter)executor_get_pid, NULL, "Its process number, or 0 when it is dead.", NULL},
    {"spent", (getter)executor_get_spent, NULL, "Why it can run no more, or None.", NULL},
    {"dirty_pages", (getter)executor_get_dirty_pages, NULL,
     "How many pages the last rollback restored.", NULL},
    {"phases", (getter)executor_get_phases, NULL, "Nanoseconds that the last run took.", NULL},
    {"sizes", (getter)executor_get_sizes, NULL, "How large the snapshot is.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject executor_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "_rollback.Executor",
    .tp_basicsize = sizeof(Executor),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = executor_doc,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)executor_init,
    .tp_dealloc = (destructor)executor_dealloc,
    .tp_methods = executor_methods,
    .tp_getset = executor_properties,
};

static PyMethodDef module_methods[] = {
    {"checkpoint", checkpoint, METH_VARARGS, checkpoint_doc},
    {"settle", settle, METH_VARARGS, settle_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_rollback",
    .m_doc = "Runs untrusted programs in one process, which is rolled back after each.",
    .m_size = -1,
    .m_methods = module_methods,
};

PyMODINIT_FUNC PyInit__rollback(void)
{
    if (PyType_Ready(&executor_type) < 0)
        return NULL;
    PyObject *self = PyModule_Create(&module);
    if (self == NULL)
        return NULL;
    if (PyModule_AddObjectRef(self, "Executor", (PyObject *)&executor_type) < 0 ||
        PyModule_AddIntMacro(self, EXITED) < 0 || PyModule_AddIntMacro(self, SIGNALED) < 0 ||
        PyModule_AddIntMacro(self, CPU_LIMIT) < 0 || PyModule_AddIntMacro(self, WALL_LIMIT) < 0 ||
        PyModule_AddIntMacro(self, INTERRUPTED) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}
