/* The worker's inner loop: one child per run, by a raw clone, without touching the interpreter.

`serve` here and in zygote.py do the same; this one is several times cheaper, because between runs
it writes to no page that the children share: no Python code runs in the parent. Three more things
make a clone cheap; each was measured (benchmarks/sandbox.py, docs/sandbox.md):

- Huge pages. The cost of a clone is the copying of page tables. From the first moment on (this
  file is preloaded), the interpreter's arenas lie in one aligned region and the C library's heap
  starts at an aligned address; `settle` turns both into huge pages.
- Immortal objects. A reference count that changes is a page that is copied: all that exists when
  the worker is warm is made immortal (PEP 683), whose counts are never written.
- Everything that a child needs before its program is done here in a dozen system calls.

Nothing of this is needed for safety: where no compiler was there at install time, zygote.py serves.
*/

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
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

#define HUGE_PAGE (2ul << 20)
#define REGION (32ul << 20) /* address space only, most of it given back by settle() */
#define MAX_CHILDREN 8      /* a run, its peer, the services */
#define MAX_FDS 4

/* --- memory: all that the children inherit in huge pages --------------------------------------- */

static char *region, *region_top, *region_end;
static char *heap_start;
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
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* until settle(): one heap instead of scattered maps */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 1 << 20);
}

static void
collapse(char *start, char *end)
{
    for (char *at = start; at < end; at += HUGE_PAGE) {
        madvise(at, HUGE_PAGE, MADV_COLLAPSE); /* where it fails, small pages do as well */
    }
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

PyDoc_STRVAR(settle_doc,
"settle(objects)\n--\n\n"
"Makes `objects` and all that they refer to immortal, and the memory they lie in huge pages.\n\n"
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
    malloc_trim(0);
    if (region != NULL) {
        char *used = (char *)(((uintptr_t)region_top + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
        collapse(region, used);
        if (used < region_end) {
            munmap(used, region_end - used); /* it would count as a program's memory */
            region_end = used;
        }
    }
    if (heap_start != NULL) {
        char *end = sbrk(0);
        collapse(heap_start, heap_start + ((end - heap_start) & ~(HUGE_PAGE - 1)));
    }
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* the C library's own defaults again */
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
    mallopt(M_TOP_PAD, 128 << 10);
    Py_RETURN_NONE;
}

/* --- the protocol: guest_protocol.py, as C sees it --------------------------------------------- */

enum { RUN, KILL };
enum { EXITED, SIGNALED, CPU_LIMIT, WALL_LIMIT, KILLED, SETUP_FAILED, HELLO, STOPPED };
enum { FLAG_SCRATCH = 1, FLAG_STDIN = 2, FLAG_SPLIT = 4 };

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

/* Makes this process a run's: rights, limits, descriptors. Returns the job, read by the child
   itself, so that the parent never holds a program. */
static PyObject *
become_child(const Request *request, const int *fds, int null_fd, int failure_fd, int others,
             int bare)
{
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
        limit(RLIMIT_NPROC, request->threads + 1 + others, failure_fd);
    }
    limit(RLIMIT_AS, request->memory, failure_fd);
    limit(RLIMIT_FSIZE, request->file_size, failure_fd);
    limit(RLIMIT_CORE, 0, failure_fd);
    if (request->cpu_s > 0) { /* whole seconds: only a backstop for the parent's own clock */
        limit(RLIMIT_CPU, (uint64_t)request->cpu_s + 2, failure_fd);
    }
    /* Order on the wire: channel, then standard input where there is one, output, error. */
    int next = 1, wanted[4];
    wanted[3] = fds[0];
    wanted[0] = request->flags & FLAG_STDIN ? fds[next++] : null_fd;
    wanted[1] = fds[next++];
    wanted[2] = request->flags & FLAG_SPLIT ? fds[next++] : wanted[1];
    for (int i = 0; i < 4; i++) { /* above every number that is a target */
        wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 16);
    }
    failure_fd = fcntl(failure_fd, F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < 4; i++) {
        if (wanted[i] < 0 || dup2(wanted[i], i) < 0 || fcntl(i, F_SETFL, 0) < 0) {
            fail_setup(failure_fd, "descriptors"); /* F_SETFL: the host's ends do not block */
        }
    }
    limit(RLIMIT_NOFILE, request->open_files, failure_fd);
    if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0) {
        fail_setup(failure_fd, "close_range");
    }
    /* What fails from here on is the program's affair: too big for its memory, for one. */
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

/* --- the parent -------------------------------------------------------------------------------- */

/* Nothing in a pid namespace can stop its first process: somebody outside did. */
static int
is_stopped(const Child *child)
{
    siginfo_t info = {0};
    int asked = waitid(P_PID, child->pid, &info, WSTOPPED | WNOHANG | WNOWAIT);
    return asked == 0 && info.si_pid == child->pid;
}

static void
kill_child(Child *child, int how, int bare)
{
    if (child->how == EXITED) {
        child->how = how;
    }
    kill(child->pid, SIGKILL);
    if (bare) {
        kill(-child->pid, SIGKILL); /* no pid namespace ends its own children */
    }
}

static int
reap(int control, Child *child, int failure_fd)
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
    if (read(failure_fd, &failures, sizeof(failures)) == sizeof(failures)) {
        told.how = SETUP_FAILED;
    }
    told.cpu_s = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                 1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    told.peak = (uint64_t)usage.ru_maxrss * 1024;
    return send(control, &told, sizeof(told), MSG_NOSIGNAL) == sizeof(told) ? 0 : -1;
}

/* Returns the milliseconds until the first child reaches a limit; kills those that have. */
static int
watch(Child *children, int count, int cores, int bare)
{
    double soonest = 1e9, time = now(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        Child *child = &children[i];
        if (child->how != EXITED) {
            continue; /* killed: its end is on the way */
        }
        double left = child->deadline - time;
        if (left <= 0) {
            kill_child(child, is_stopped(child) ? STOPPED : WALL_LIMIT, bare);
            continue;
        }
        if (child->cpu_s > 0) {
            /* MAKE_PROCESS_CPUCLOCK in the kernel's headers: the child's own processor clock. */
            double used = now(((clockid_t)~child->pid << 3) | 2);
            double cpu_left = child->cpu_s - (used > 0 ? used : 0);
            if (cpu_left <= 0) {
                kill_child(child, CPU_LIMIT, bare);
                continue;
            }
            double at_least = cpu_left / cores > 0.002 ? cpu_left / cores : 0.002;
            left = left < at_least ? left : at_least;
        }
        soonest = left < soonest ? left : soonest;
    }
    return soonest > 1e6 ? -1 : (int)(1e3 * soonest) + 1;
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
    return size;
}

PyDoc_STRVAR(serve_doc,
"serve(control, null_fd, bare)\n--\n\n"
"Serves runs until the host closes the control socket; see zygote.py.\n\n"
"Returns (flags, job) in each child, and None in the parent at the end.");

static PyObject *
serve(PyObject *Py_UNUSED(module), PyObject *args)
{
    int control, null_fd, bare;
    if (!PyArg_ParseTuple(args, "iip", &control, &null_fd, &bare)) {
        return NULL;
    }
    int failure_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (failure_fd < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    Child children[MAX_CHILDREN];
    int count = 0;
    for (;;) {
        struct pollfd fds_polled[1 + MAX_CHILDREN] = {{control, POLLIN, 0}};
        int timeout_ms = watch(children, count, cores > 0 ? cores : 1, bare);
        for (int i = 0; i < count; i++) {
            fds_polled[1 + i] = (struct pollfd){children[i].pidfd, POLLIN, 0};
        }
        if (poll(fds_polled, 1 + count, timeout_ms) < 0 && errno != EINTR) {
            break;
        }
        int polled = count; /* children that come below were not polled */
        int hung_up = 0;
        if (fds_polled[0].revents) {
            Request request;
            int fds[MAX_FDS], received;
            ssize_t size = receive(control, &request, fds, &received);
            if (size != sizeof(request)) {
                hung_up = 1;
            }
            else if (request.what == KILL) {
                for (int i = 0; i < count; i++) {
                    if (children[i].number == request.number) {
                        kill_child(&children[i], KILLED, bare);
                    }
                }
            }
            else if (received >= 2 && count < MAX_CHILDREN) {
                unsigned long flags = CLONE_PIDFD | SIGCHLD;
                if (!bare) {
                    flags |= CLONE_NEWPID;
                    if (request.flags & FLAG_SCRATCH) {
                        flags |= CLONE_NEWNS | CLONE_NEWIPC;
                    }
                }
                int pidfd = -1;
                double started = now(CLOCK_MONOTONIC);
#if defined(__x86_64__) || defined(__aarch64__)
                pid_t pid = (pid_t)syscall(SYS_clone, flags, 0ul, &pidfd, 0ul, 0ul);
#else
#error "the order of clone's arguments on this architecture is not known; use zygote.py"
#endif
                if (pid == 0) {
                    PyObject *job =
                        become_child(&request, fds, null_fd, failure_fd, count, bare);
                    return Py_BuildValue("(IN)", (unsigned int)request.flags, job);
                }
                for (int i = 0; i < received; i++) {
                    close(fds[i]);
                }
                if (pid < 0) {
                    Status told = {request.number, SETUP_FAILED, errno, 0, 0, 0};
                    hung_up = send(control, &told, sizeof(told), MSG_NOSIGNAL) < 0;
                }
                else {
                    double wall_s = request.wall_s > 0 ? request.wall_s : 1e9;
                    children[count++] = (Child){pid, pidfd, EXITED, request.number, request.cpu_s,
                                                started, started + wall_s};
                }
            }
            else {
                for (int i = 0; i < received; i++) {
                    close(fds[i]);
                }
            }
        }
        for (int i = polled - 1; i >= 0; i--) {
            if (fds_polled[1 + i].revents) {
                hung_up |= reap(control, &children[i], failure_fd) != 0;
                children[i] = children[--count];
            }
        }
        if (hung_up) {
            break;
        }
    }
    for (int i = 0; i < count; i++) {
        kill_child(&children[i], KILLED, bare);
    }
    close(failure_fd);
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
