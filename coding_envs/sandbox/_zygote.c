/* The worker's inner loop: one child per run, by a raw clone, without touching the interpreter.

`serve` here and in zygote.py do the same; this one is several times cheaper, because between runs
it writes to no page that the children share: no Python code runs in the parent. More things make a
clone cheap, and a rollback (_rollback.c); each was measured (benchmarks/sandbox.py, docs/sandbox.md):

- Huge pages. The cost of a clone is the copying of page tables. From the first moment on (this
  file is preloaded), the interpreter's arenas lie in one aligned region and the C library's heap
  starts at an aligned address; `settle` turns both into huge pages.
- Immortal objects. A reference count that changes is a page that is copied: all that exists when
  the worker is warm is made immortal (PEP 683), whose counts are never written.
- Few mappings: a library takes two instead of five.
- No gaps: what is free between the blocks in use is taken for good, so that a program's objects lie
  together on few pages.
- Everything that a child needs before its program is done here in a dozen system calls.

Nothing of this is needed for safety: where no compiler was there at install time, zygote.py serves.
*/

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <link.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

#define PAGE 4096ul
#define HUGE_PAGE (2ul << 20)
#define REGION (32ul << 20) /* address space only, most of it given back by settle() */
#define MAX_CHILDREN 8      /* a run, its peer, the services */
#define MAX_FDS 4
#define STACK_BYTES (8ul << 20) /* of a rollback executor */

/* --- memory: all that the children inherit in huge pages --------------------------------------- */

static char *region, *region_top, *region_end;
static char *heap_start, *heap_top; /* blocks in use lie between */
static void *spare[64]; /* arenas that were freed again */
static int spares;

static void *
arena_alloc(void *Py_UNUSED(context), size_t size)
{
    if (spares > 0) {
        return spare[--spares];
    }
    if (region_top + size <= region_end) {
        void *arena = region_top;
        region_top += size;
        return arena;
    }
    void *arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED ? NULL : arena;
}

static void
arena_free(void *Py_UNUSED(context), void *arena, size_t size)
{
    if ((char *)arena < region || (char *)arena >= region_end) {
        munmap(arena, size);
    }
    else if (spares < (int)(sizeof(spare) / sizeof(*spare))) {
        spare[spares++] = arena;
    }
}

/* Runs when the file is preloaded, before the interpreter allocates anything. */
__attribute__((constructor)) static void
prepare_memory(void)
{
    if (getenv("CODING_ENVS_ZYGOTE") == NULL) {
        return; /* imported by somebody else */
    }
    char *space = mmap(NULL, REGION + HUGE_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space != MAP_FAILED) {
        char *aligned = (char *)(((uintptr_t)space + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
        if (aligned > space) {
            munmap(space, aligned - space);
        }
        munmap(aligned + REGION, space + HUGE_PAGE - aligned);
        region = region_top = aligned;
        region_end = aligned + REGION;
        PyObjectArenaAllocator allocator = {NULL, arena_alloc, arena_free};
        PyObject_SetArenaAllocator(&allocator);
    }
    uintptr_t top = (uintptr_t)sbrk(0);
    if (sbrk(HUGE_PAGE - (top & (HUGE_PAGE - 1))) != (void *)-1) {
        heap_start = sbrk(0);
    }
    mallopt(M_MMAP_THRESHOLD, 4 << 20); /* one heap, which never shrinks, instead of scattered */
    mallopt(M_TRIM_THRESHOLD, 1 << 30); /* maps: a rollback pays for each that a run makes or ends */
    mallopt(M_TOP_PAD, 1 << 20);
}

static void
collapse(char *start, char *end)
{
    for (char *at = start; at < end; at += HUGE_PAGE) {
        madvise(at, HUGE_PAGE, MADV_COLLAPSE); /* where it fails, small pages do as well */
    }
}

/* Lets the kernel keep a library in two mappings instead of five: what is read or executed, and
   what is written. A clone pays for each mapping, and so does a rollback's look at what was written.
   It protects nobody that what these libraries need only read, or write no more, cannot be executed
   or written: the programs to come may change all protections. */
static int
merge_mappings(struct dl_phdr_info *library, size_t Py_UNUSED(size), void *Py_UNUSED(context))
{
    if (library->dlpi_phdr == NULL || library->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) {
        return 0; /* the kernel's own */
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t start = (library->dlpi_addr + part->p_vaddr) & ~(PAGE - 1);
        uintptr_t end = library->dlpi_addr + part->p_vaddr + part->p_memsz;
        if (part->p_type == PT_LOAD && !(part->p_flags & PF_W)) {
            end = (end + PAGE - 1) & ~(PAGE - 1);
            mprotect((void *)start, end - start, PROT_READ | PROT_EXEC);
        }
        else if (part->p_type == PT_GNU_RELRO) {
            end &= ~(PAGE - 1); /* as the loader rounds it */
            mprotect((void *)start, end - start, PROT_READ | PROT_WRITE);
        }
    }
    return 0;
}

typedef struct {
    PyObject **items;
    size_t count, room;
} Stack;

static int
push(PyObject *object, void *context)
{
    Stack *stack = context;
    if (_Py_IsImmortal(object)) {
        return 0; /* seen, or immortal by nature and nobody's only way to something mortal */
    }
#if PY_VERSION_HEX < 0x030E0000
    object->ob_refcnt = _Py_IMMORTAL_REFCNT;
#else
    object->ob_refcnt = _Py_IMMORTAL_INITIAL_REFCNT;
#endif
    if (stack->count == stack->room) {
        size_t room = stack->room ? 2 * stack->room : 1 << 16;
        void *items = mremap(stack->items, stack->room * sizeof(PyObject *),
                             room * sizeof(PyObject *), MREMAP_MAYMOVE);
        if (items == MAP_FAILED) {
            return 0; /* what lies behind it stays mortal: slower, not wrong */
        }
        stack->items = items;
        stack->room = room;
    }
    stack->items[stack->count++] = object;
    return 0;
}

static void
visit_all(PyObject *object, Stack *stack)
{
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (traverse != NULL && PyObject_IS_GC(object)) {
        traverse(object, push, stack);
    }
}

#define POOL (16ul << 10) /* of the interpreter's allocator, aligned */
#define SMALL 512          /* larger blocks are the C library's */

/* Takes what is free between the blocks in use, for ever: it is scattered over hundreds of pages,
   each of which would be copied or restored when a program gets some of it. Programs then begin
   with empty pools, and above all else on the heap. */
static void
fill_gaps(void)
{
    for (size_t size = 16; size <= SMALL; size += 16) {
        for (int i = 0; i < 10000; i++) { /* more would not be gaps */
            char *block = PyObject_Malloc(size);
            if (block < region || block >= region_end) {
                PyObject_Free(block); /* another allocator's */
                break;
            }
            if (*(unsigned *)((uintptr_t)block & ~(POOL - 1)) == 1) { /* blocks in use */
                PyObject_Free(block);
                break;
            }
        }
    }
    char *volatile room = malloc(1 << 20); /* so that a small program need not map more */
    heap_top = room;
    free(room);
    for (size_t size = 1 << 19; size >= 24; size -= size > 2048 ? size / 2 : 16) {
        char *block;
        while ((block = malloc(size)) != NULL && block < heap_top) {
        }
        free(block);
    }
}

PyDoc_STRVAR(settle_doc,
"settle(objects)\n--\n\n"
"Makes `objects` and all that they refer to immortal, the memory they lie in huge pages, and the\n"
"mappings fewer.\n\n"
"To be called once, last, with gc.get_objects().");

static PyObject *
settle(PyObject *Py_UNUSED(module), PyObject *objects)
{
    if (!PyList_Check(objects)) {
        PyErr_SetString(PyExc_TypeError, "a list of objects is wanted");
        return NULL;
    }
    Stack stack = {NULL, 0, 1 << 16};
    stack.items = mmap(NULL, stack.room * sizeof(PyObject *), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* not on the heap that is kept */
    if (stack.items == MAP_FAILED) {
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        push(object, &stack);
        visit_all(object, &stack); /* also where it was immortal already */
        while (stack.count > 0) {
            visit_all(stack.items[--stack.count], &stack);
        }
    }
    munmap(stack.items, stack.room * sizeof(PyObject *));
    fill_gaps();
    if (region != NULL) {
        char *used = (char *)((uintptr_t)region_top & ~(HUGE_PAGE - 1));
        collapse(region, used);
        used = region_top + HUGE_PAGE; /* room here, too */
        if (used < region_end) {
            munmap(used, region_end - used); /* it would count as a program's memory */
            region_end = used;
        }
    }
    if (heap_start != NULL) {
        collapse(heap_start, heap_start + ((heap_top - heap_start) & ~(HUGE_PAGE - 1)));
    }
    dl_iterate_phdr(merge_mappings, NULL);
    Py_RETURN_NONE;
}

/* --- the protocol: guest_protocol.py, as C sees it --------------------------------------------- */

enum { RUN, KILL };
enum { EXITED, SIGNALED, CPU_LIMIT, WALL_LIMIT, KILLED, SETUP_FAILED, HELLO, STOPPED };
enum { FLAG_SCRATCH = 1, FLAG_STDIN = 2, FLAG_SPLIT = 4, FLAG_ROLLBACK = 32, FLAG_JOB = 64 };

typedef struct __attribute__((packed)) {
    uint64_t number;
    uint32_t what, flags;
    double cpu_s, wall_s;
    uint64_t memory, file_size, open_files, threads;
} Request;

typedef struct __attribute__((packed)) {
    uint64_t number;
    int32_t how, value;
    double cpu_s, wall_s;
    uint64_t peak;
} Status;

typedef struct {
    pid_t pid;
    int pidfd, how;
    uint64_t number;
    double cpu_s, started, deadline;
} Child;

static double
now(clockid_t clock)
{
    struct timespec time;
    return clock_gettime(clock, &time) == 0 ? time.tv_sec + 1e-9 * time.tv_nsec : -1;
}

/* --- the child --------------------------------------------------------------------------------- */

static void
fail_setup(int failure_fd, const char *what)
{
    char line[200];
    int size = snprintf(line, sizeof(line), "set-up failed: %s: %s\n", what, strerror(errno));
    if (write(2, line, size) < 0 || eventfd_write(failure_fd, 1) < 0) {
        /* then the host sees an exit before the program: still no verdict */
    }
    _exit(1);
}

static void
limit(int which, uint64_t value, int failure_fd)
{
    struct rlimit both = {value, value};
    if (setrlimit(which, &both) != 0) {
        fail_setup(failure_fd, "setrlimit");
    }
}

/* Denies a forked child what only the tracer of a rollback executor (_rollback.c) needs. */
static int
deny_tracing(void)
{
#define DENY_CALL(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), \
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY_CALL(SYS_ptrace),
        DENY_CALL(SYS_process_vm_readv),
        DENY_CALL(SYS_process_vm_writev),
        DENY_CALL(SYS_userfaultfd),
        DENY_CALL(SYS_umount2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    /* The ioctls that the tracer needs do nothing without the descriptors that it has. */
    struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static int
read_exactly(int fd, char *to, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, to, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return -1;
        }
        to += got;
        size -= got;
    }
    return 0;
}

/* Gives up rights and takes on limits. `beside` is how many others of the worker's user there are.
   `cpu_s` 0: its processor time is not bounded here. */
static void
confine(const Request *request, double cpu_s, int failure_fd, int beside, int bare)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD); /* which a rollback executor's tracer blocks */
    sigprocmask(SIG_UNBLOCK, &child, NULL);
    setsid(); /* so that kill(0) reaches nobody else */
    if (bare) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    else {
        if (request->flags & FLAG_SCRATCH) {
            char options[100];
            snprintf(options, sizeof(options), "size=%llu,nr_inodes=4096,mode=700",
                     (unsigned long long)request->file_size);
            if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0 ||
                chdir("/tmp") != 0) {
                fail_setup(failure_fd, "scratch folder");
            }
        }
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
        if (syscall(SYS_capset, &header, none) != 0) {
            fail_setup(failure_fd, "capset");
        }
        /* Counted over the worker's user: the parent and its other children are of it, too. */
        limit(RLIMIT_NPROC, request->threads + 1 + beside, failure_fd);
    }
    limit(RLIMIT_AS, request->memory, failure_fd);
    limit(RLIMIT_FSIZE, request->file_size, failure_fd);
    limit(RLIMIT_CORE, 0, failure_fd);
    if (cpu_s > 0) { /* whole seconds: only a backstop for the parent's own clock */
        limit(RLIMIT_CPU, (uint64_t)cpu_s + 2, failure_fd);
    }
}

/* Puts a run's descriptors in the order of their targets, 0 .. 3. On the wire: channel, then
   standard input where there is one, output, error. */
static void
sort_fds(const Request *request, const int *fds, int null_fd, int *sorted)
{
    int next = 1;
    sorted[3] = fds[0];
    sorted[0] = request->flags & FLAG_STDIN ? fds[next++] : null_fd;
    sorted[1] = fds[next++];
    sorted[2] = request->flags & FLAG_SPLIT ? fds[next++] : sorted[1];
}

/* Returns the job that comes on descriptor 3; ends the process where there is none. */
static PyObject *
read_job(void)
{
    uint64_t size;
    if (read_exactly(3, (char *)&size, sizeof(size)) != 0) {
        _exit(1);
    }
    PyObject *job = size < PY_SSIZE_T_MAX / 2 ? PyBytes_FromStringAndSize(NULL, size) : NULL;
    if (job == NULL) {
        static const char line[] =
            "{\"error\": \"MemoryError: the program does not fit into its memory\"}\n";
        _exit(write(3, line, sizeof(line) - 1) < 0 ? 2 : 1);
    }
    if (read_exactly(3, PyBytes_AS_STRING(job), size) != 0) {
        _exit(1);
    }
    return job;
}

/* Makes this process a run's: rights, limits, descriptors. Returns the job, read by the child
   itself, so that the parent never holds a program. */
static PyObject *
become_child(const Request *request, const int *fds, int null_fd, int failure_fd, int beside,
             int traces, int bare)
{
    confine(request, request->cpu_s, failure_fd, beside, bare);
    int wanted[4];
    sort_fds(request, fds, null_fd, wanted);
    for (int i = 0; i < 4; i++) { /* above every number that is a target */
        wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 16);
    }
    failure_fd = fcntl(failure_fd, F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < 4; i++) {
        if (wanted[i] < 0 || dup2(wanted[i], i) < 0) {
            fail_setup(failure_fd, "descriptors");
        }
    }
    limit(RLIMIT_NOFILE, request->open_files, failure_fd);
    if (traces && deny_tracing() != 0) {
        fail_setup(failure_fd, "seccomp");
    }
    if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0) {
        fail_setup(failure_fd, "close_range");
    }
    if (request->flags & FLAG_JOB) {
        return PyBytes_FromStringAndSize(NULL, 0); /* it is in the shared memory */
    }
    /* What fails from here on is the program's affair: too big for its memory, for one. */
    return read_job();
}

/* --- the parent -------------------------------------------------------------------------------- */

/* Nothing in a pid namespace can stop its first process: somebody outside did. */
static int
is_stopped(const Child *child)
{
    siginfo_t info = {0};
    int asked = waitid(P_PID, child->pid, &info, WSTOPPED | WNOHANG | WNOWAIT);
    return asked == 0 && info.si_pid == child->pid;
}

typedef struct {
    int control, null_fd, failure_fd, bare, cores;
    Child children[MAX_CHILDREN];
    int count;
    /* The rollback executor: see _rollback.c. */
    PyObject *rollback; /* the module, or NULL: every run is forked */
    int proc_fd, verify;
    PyObject *executor; /* NULL: none is alive */
    int executor_fd;
    uint64_t limits[4]; /* those that it was made with */
    uint64_t running;   /* the number of the run that it is on, or 0 */
    int strangers;      /* runs in a row that wanted other limits */
    int credit;         /* runs that it served, less what those that it did not survive cost */
} Zygote;

/* How many processes the worker's user has beside the parent and a new child: they count, too,
   against the child's RLIMIT_NPROC. */
static int
others(const Zygote *self)
{
    int image = self->proc_fd >= 0; /* see settle() in _rollback.c */
    return self->count + (self->executor != NULL) + image;
}

static void
kill_child(const Zygote *self, Child *child, int how)
{
    if (child->how == EXITED) {
        child->how = how;
    }
    kill(child->pid, SIGKILL);
    if (self->bare) {
        kill(-child->pid, SIGKILL); /* no pid namespace ends its own children */
    }
}

static int
tell(const Zygote *self, const Status *status)
{
    return send(self->control, status, sizeof(*status), MSG_NOSIGNAL) == sizeof(*status) ? 0 : -1;
}

static int
reap(const Zygote *self, const Child *child)
{
    int status = 0;
    struct rusage usage = {0};
    while (wait4(child->pid, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    close(child->pidfd);
    Status told = {child->number, child->how, 0, 0, now(CLOCK_MONOTONIC) - child->started, 0};
    if (child->how == EXITED) {
        if (WIFSIGNALED(status)) {
            told.how = SIGNALED;
            told.value = WTERMSIG(status);
        }
        else {
            told.value = WEXITSTATUS(status);
        }
    }
    uint64_t failures;
    if (read(self->failure_fd, &failures, sizeof(failures)) == sizeof(failures)) {
        told.how = SETUP_FAILED;
    }
    told.cpu_s = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                 1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    told.peak = (uint64_t)usage.ru_maxrss * 1024;
    return tell(self, &told);
}

/* Returns the seconds until the first child reaches a limit; kills those that have. */
static double
watch(Zygote *self)
{
    double soonest = 1e9, time = now(CLOCK_MONOTONIC);
    for (int i = 0; i < self->count; i++) {
        Child *child = &self->children[i];
        if (child->how != EXITED) {
            continue; /* killed: its end is on the way */
        }
        double left = child->deadline - time;
        if (left <= 0) {
            kill_child(self, child, is_stopped(child) ? STOPPED : WALL_LIMIT);
            continue;
        }
        if (child->cpu_s > 0) {
            /* MAKE_PROCESS_CPUCLOCK in the kernel's headers: the child's own processor clock. */
            double used = now(((clockid_t)~child->pid << 3) | 2);
            double cpu_left = child->cpu_s - (used > 0 ? used : 0);
            if (cpu_left <= 0) {
                kill_child(self, child, CPU_LIMIT);
                continue;
            }
            double at_least = cpu_left / self->cores > 0.002 ? cpu_left / self->cores : 0.002;
            left = left < at_least ? left : at_least;
        }
        soonest = left < soonest ? left : soonest;
    }
    return soonest;
}

static ssize_t
receive(int control, Request *request, int *fds, int *count)
{
    char ancillary[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct iovec part = {request, sizeof(*request)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary,
                             .msg_controllen = sizeof(ancillary)};
    ssize_t size;
    do {
        size = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    *count = 0;
    struct cmsghdr *part_of = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (part_of != NULL && part_of->cmsg_type == SCM_RIGHTS) {
        *count = (int)((part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(part_of), *count * sizeof(int));
    }
    for (int i = 0; i < *count; i++) {
        fcntl(fds[i], F_SETFL, 0); /* the host's ends do not block, these do */
    }
    return size;
}

static pid_t
make_child(const Zygote *self, uint32_t flags, int *pidfd)
{
    unsigned long how = CLONE_PIDFD | SIGCHLD;
    if (!self->bare) {
        how |= CLONE_NEWPID;
        if (flags & FLAG_SCRATCH) {
            how |= CLONE_NEWNS | CLONE_NEWIPC;
        }
    }
#if defined(__x86_64__) || defined(__aarch64__)
    return (pid_t)syscall(SYS_clone, how, 0ul, pidfd, 0ul, 0ul);
#else
#error "the order of clone's arguments on this architecture is not known; use zygote.py"
#endif
}

/* --- the parent: its rollback executor --------------------------------------------------------- */

#define CREDIT_MOST 32
#define SPENT_COSTS 6  /* in runs that it must serve to be worth it: making one against a clone */
#define STRANGERS_MOST 8

static void
end_executor(Zygote *self)
{
    Py_XDECREF(self->executor); /* which kills it */
    self->executor = NULL;
    self->running = 0;
    PyErr_Clear();
}

/* Returns 1 where the executor shall run this, 0 where a child shall. */
static int
suits_executor(Zygote *self, const Request *request)
{
    uint64_t limits[4] = {request->memory, request->file_size, request->open_files,
                          request->threads};
    if (self->rollback == NULL || self->running || !(request->flags & FLAG_ROLLBACK)) {
        return 0;
    }
    if (self->credit < 0) {
        self->credit++; /* too many programs that it did not survive: forks for a while */
        return 0;
    }
    if (self->executor != NULL && memcmp(limits, self->limits, sizeof(limits)) != 0) {
        if (++self->strangers < STRANGERS_MOST) {
            return 0;
        }
        end_executor(self);
    }
    self->strangers = 0;
    memcpy(self->limits, limits, sizeof(limits));
    return 1;
}

/* Makes an executor. Returns the result for Python in the new process, NULL in the parent, where
   `executor` is set unless it failed: then there will be none. */
static PyObject *
make_executor(Zygote *self, const Request *request)
{
    int pair[2], pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return NULL;
    }
    Request limits = *request;
    limits.memory += STACK_BYTES; /* which is all mapped from the beginning */
    pid_t pid = make_child(self, 0, &pidfd);
    if (pid == 0) {
        close(pair[0]);
        confine(&limits, 0, self->failure_fd, others(self), self->bare);
        limit(RLIMIT_NOFILE, request->open_files, self->failure_fd);
        return Py_BuildValue("(Ii)", (unsigned int)FLAG_ROLLBACK, pair[1]);
    }
    close(pair[1]);
    close(pidfd);
    if (pid < 0) {
        close(pair[0]);
        return NULL;
    }
    self->executor = PyObject_CallMethod(self->rollback, "Executor", "iiii", (int)pid, pair[0],
                                         self->proc_fd, self->verify);
    PyObject *fd = self->executor ? PyObject_CallMethod(self->executor, "fileno", NULL) : NULL;
    if (fd == NULL) {
        PyErr_Print(); /* into the worker's log */
        end_executor(self);
        self->rollback = NULL;
        return NULL;
    }
    self->executor_fd = (int)PyLong_AsLong(fd);
    Py_DECREF(fd);
    return NULL;
}

/* Begins a run; returns 0, or -1 where a child shall run it after all. */
static int
begin_run(Zygote *self, const Request *request, const int *fds)
{
    int sorted[4];
    sort_fds(request, fds, self->null_fd, sorted);
    double cpu_s = request->cpu_s > 0 ? request->cpu_s : 1e6;
    double wall_s = request->wall_s > 0 ? request->wall_s : 1e6;
    PyObject *begun = PyObject_CallMethod(self->executor, "begin", "(iiii)dd", sorted[0],
                                          sorted[1], sorted[2], sorted[3], cpu_s, wall_s);
    if (begun == NULL) {
        end_executor(self);
        return -1;
    }
    Py_DECREF(begun);
    self->running = request->number;
    return 0;
}

/* Sees to the run that is on, or stops it; tells the host when it has ended. */
static int
follow_run(Zygote *self, const char *how)
{
    Status told = {self->running, SETUP_FAILED, 0, 0, 0, 0};
    PyObject *result = PyObject_CallMethod(self->executor, how, NULL);
    if (result == Py_None) {
        Py_DECREF(result);
        return 0;
    }
    unsigned long long peak = 0;
    if (result == NULL || !PyArg_ParseTuple(result, "iiddK", &told.how, &told.value, &told.cpu_s,
                                            &told.wall_s, &peak)) {
        Py_XDECREF(result);
        end_executor(self); /* nothing is known of the run: the host repeats it */
        return tell(self, &told);
    }
    told.peak = peak;
    Py_DECREF(result);
    self->running = 0;
    int failed = tell(self, &told); /* the host goes on while the executor is rolled back */
    PyObject *restored = PyObject_CallMethod(self->executor, "restore", NULL);
    PyObject *spent = restored ? PyObject_GetAttrString(self->executor, "spent") : NULL;
    Py_XDECREF(restored);
    if (spent == Py_None) {
        self->credit += self->credit < CREDIT_MOST;
    }
    else {
        self->credit -= SPENT_COSTS;
        end_executor(self);
    }
    Py_XDECREF(spent);
    return failed;
}

static double
run_left(const Zygote *self)
{
    PyObject *left = PyObject_CallMethod(self->executor, "left", NULL);
    double seconds = left ? PyFloat_AsDouble(left) : 0;
    Py_XDECREF(left);
    PyErr_Clear();
    return seconds > 0 ? seconds : 0;
}

/* --- the parent: its loop ---------------------------------------------------------------------- */

/* Starts a run. Returns the result for Python in a new process; NULL in the parent. */
static PyObject *
start(Zygote *self, const Request *request, const int *fds)
{
    if (suits_executor(self, request)) {
        if (self->executor == NULL) {
            PyObject *result = make_executor(self, request);
            if (result != NULL) {
                return result;
            }
        }
        if (self->executor != NULL && begin_run(self, request, fds) == 0) {
            return NULL;
        }
    }
    int pidfd = -1;
    double started = now(CLOCK_MONOTONIC);
    pid_t pid = make_child(self, request->flags, &pidfd);
    if (pid == 0) {
        PyObject *job = become_child(request, fds, self->null_fd, self->failure_fd, others(self),
                                     self->proc_fd >= 0, self->bare);
        return Py_BuildValue("(IN)", (unsigned int)request->flags & ~FLAG_ROLLBACK, job);
    }
    if (pid < 0) {
        Status told = {request->number, SETUP_FAILED, errno, 0, 0, 0};
        tell(self, &told); /* where the host is gone, the loop finds out */
        return NULL;
    }
    double wall_s = request->wall_s > 0 ? request->wall_s : 1e9;
    self->children[self->count++] = (Child){pid, pidfd, EXITED, request->number, request->cpu_s,
                                            started, started + wall_s};
    return NULL;
}

/* Takes one packet of the host's. Returns -1 where it is gone; sets `result` in a new process. */
static int
take_request(Zygote *self, PyObject **result)
{
    Request request;
    int fds[MAX_FDS], received;
    if (receive(self->control, &request, fds, &received) != sizeof(request)) {
        return -1;
    }
    if (request.what == KILL) {
        for (int i = 0; i < self->count; i++) {
            if (self->children[i].number == request.number) {
                kill_child(self, &self->children[i], KILLED);
            }
        }
        if (self->running == request.number && self->running) {
            return follow_run(self, "interrupt");
        }
    }
    else if (received >= 2 && self->count < MAX_CHILDREN) {
        *result = start(self, &request, fds);
        if (*result != NULL) {
            return 0;
        }
    }
    for (int i = 0; i < received; i++) {
        close(fds[i]);
    }
    return 0;
}

PyDoc_STRVAR(serve_doc,
"serve(control, null_fd, bare, rollback=None, proc_fd=-1, verify=False)\n--\n\n"
"Serves runs until the host closes the control socket; see zygote.py.\n\n"
"With the module `rollback`, and the folder of a procfs, runs that allow it share one process that\n"
"is rolled back after each; `verify` compares all of its memory each time, for tests.\n\n"
"Returns (flags, job) in each child; (FLAG_ROLLBACK, control socket) in a rollback executor, which\n"
"then calls checkpoint(); and None in the parent at the end.");

static PyObject *
serve(PyObject *Py_UNUSED(module), PyObject *args)
{
    static Zygote zygote; /* not on the heap, whose pages the children share */
    Zygote *self = &zygote;
    PyObject *rollback = Py_None, *result = NULL;
    self->proc_fd = -1;
    if (!PyArg_ParseTuple(args, "iip|Oip", &self->control, &self->null_fd, &self->bare, &rollback,
                          &self->proc_fd, &self->verify)) {
        return NULL;
    }
    self->rollback = rollback == Py_None ? NULL : rollback;
    self->failure_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->failure_fd < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    self->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    self->cores = self->cores > 0 ? self->cores : 1;
    for (int hung_up = 0; !hung_up;) {
        struct pollfd polled[2 + MAX_CHILDREN] = {{self->control, POLLIN, 0}, {-1, POLLIN, 0}};
        double left = watch(self);
        if (self->running) {
            polled[1].fd = self->executor_fd;
            double until = run_left(self);
            left = until < left ? until : left;
        }
        int known = self->count; /* those that come below are not polled */
        for (int i = 0; i < known; i++) {
            polled[2 + i] = (struct pollfd){self->children[i].pidfd, POLLIN, 0};
        }
        int ready = poll(polled, 2 + known, left > 1e6 ? -1 : (int)(1e3 * left) + (left > 0));
        if (ready < 0 && errno != EINTR) {
            break;
        }
        if (self->running && (polled[1].revents || run_left(self) <= 0)) {
            hung_up |= follow_run(self, "step") != 0;
        }
        if (polled[0].revents) {
            hung_up |= take_request(self, &result) != 0;
            if (result != NULL) {
                return result;
            }
        }
        for (int i = known - 1; i >= 0; i--) {
            if (polled[2 + i].revents) {
                hung_up |= reap(self, &self->children[i]) != 0;
                self->children[i] = self->children[--self->count];
            }
        }
    }
    for (int i = 0; i < self->count; i++) {
        kill_child(self, &self->children[i], KILLED);
    }
    end_executor(self);
    close(self->failure_fd);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"serve", serve, METH_VARARGS, serve_doc},
    {"settle", settle, METH_O, settle_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_zygote", "The worker's inner loop in C; see zygote.py.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__zygote(void)
{
    return PyModule_Create(&definition);
}
