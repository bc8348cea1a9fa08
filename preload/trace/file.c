/* file.c - the raw capture on the disk. The program must not notice: no cancellation point is called, no signal
 * of a limit comes through, and where nothing can be written, it goes on, and what is missing is counted. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PATH_ROOM 4000
#define BASE_MAX 3960

extern char **environ;

static struct {
    bool asked, wanted; /* whether the environment has been looked at, and what it says */
    bool children, forked;
    bool tried;         /* to open it */
    int fd;             /* below 0: not open */
    pid_t pid, root;    /* this process, and the one that `record` has started; 0: not told */
    dev_t device;
    ino_t inode;
    uint64_t end;       /* bytes */
    uint64_t start_ns;
    char base[PATH_ROOM], path[PATH_ROOM];
    struct mk_raw_head head;
} file = {.fd = -1};

/* ---- calls of the system that are no cancellation points ----------------------------------- */

static int sys_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0666);
}

static long sys_read(const char *path, char *to, size_t room) {
    int fd = sys_open(path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? -1 : syscall(SYS_read, fd, to, room - 1);
    if (fd >= 0) syscall(SYS_close, fd);
    to[n > 0 ? n : 0] = '\0';
    return n;
}

/* All signals are blocked (the lock): that of a limit on files is taken away where it is not the program's. What is
 * written in part is gone on with, since only the next call says why. */
static bool sys_write(const void *from, size_t n, uint64_t at) {
    const char *bytes = from;
    long done;
    do {
        done = syscall(SYS_pwrite64, file.fd, bytes, n, at);
        if (done <= 0) continue;
        bytes += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    } while (n && (done > 0 || (done < 0 && errno == EINTR)));
    if (!n) return true;
    file.head.failed = done < 0 ? errno : ENOSPC;
    if (done < 0 && errno == EFBIG) {
        struct timespec none = {0, 0};
        sigset_t limit;
        sigemptyset(&limit);
        sigaddset(&limit, SIGXFSZ);
        syscall(SYS_rt_sigtimedwait, &limit, NULL, &none, 8);
    }
    return false;
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t mk_file_clock_ns(void) {
    if (!file.start_ns) file.start_ns = clock_ns(CLOCK_MONOTONIC);
    return clock_ns(CLOCK_MONOTONIC) - file.start_ns;
}

/* ---- which file ---------------------------------------------------------------------------- */

/* Before the loader is done there may be no getenv. */
static const char *find(char **environment, const char *name) {
    size_t n = strlen(name);
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=') return *environment + n + 1;
    }
    return NULL;
}

bool mk_file_init(char **environment) {
    if (file.asked) return file.wanted;
    const char *base = find(environment, "MEMKIT_TRACE"), *children = find(environment, "MEMKIT_TRACE_CHILDREN");
    const char *root = find(environment, "MEMKIT_TRACE_PID");
    size_t n = base ? strlen(base) : 0;
    file.asked = true;
    file.pid = getpid();
    file.children = children && *children == '1';
    for (; root && *root >= '0' && *root <= '9'; root++) file.root = 10 * file.root + (*root - '0');
    file.wanted = n > 0 && n <= BASE_MAX;
    if (file.wanted) memcpy(file.base, base, n + 1);
    return file.wanted;
}

/* Out of the way of programs that count on small numbers. Returns the new number. */
static int move_up(int fd) {
    long high = fd < 0 ? -1 : syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
    if (high < 0) return fd;
    syscall(SYS_close, fd);
    return (int)high;
}

/* Which process has which file: the one that `record` has started BASE.raw, its children BASE.PID.raw, or none.
 * A program that replaces itself by another one (exec) is overwritten by that. Without `record` the first to
 * come has BASE.raw. */
static int open_new(void) {
    bool root = !file.forked && (!file.root || file.root == file.pid);
    if (!root && !file.children) return -1;
    if (root) snprintf(file.path, PATH_ROOM, "%.*s.raw", BASE_MAX, file.base);
    else snprintf(file.path, PATH_ROOM, "%.*s.%d.raw", BASE_MAX, file.base, (int)file.pid);
    return move_up(sys_open(file.path, O_RDWR | O_CREAT | O_CLOEXEC | (root && !file.root ? O_EXCL : O_TRUNC)));
}

static void fill_head(struct mk_raw_head *head) {
    struct utsname system;
    long n;
    memset(head, 0, sizeof *head);
    memcpy(head->magic, MK_RAW_MAGIC, MK_RAW_MAGIC_BYTES);
    head->version = MK_RAW_VERSION;
    head->pid = (uint32_t)getpid();
    head->parent = (uint32_t)getppid();
    head->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
    head->forked = file.forked;
    head->start_s = clock_ns(CLOCK_REALTIME) / 1000000000u;
    head->start_ns = file.start_ns;
    n = readlink("/proc/self/exe", head->program, sizeof head->program - 1);
    if (n < 0) strcpy(head->program, "unknown");
    n = sys_read("/proc/self/cmdline", head->command, sizeof head->command);
    for (long i = 0; i + 1 < n; i++) {
        if (!head->command[i]) head->command[i] = ' ';
    }
    if (uname(&system) == 0) {
        snprintf(head->machine, sizeof head->machine, "%.40s %.60s %.40s, %ld CPUs", system.sysname, system.release,
                 system.machine, sysconf(_SC_NPROCESSORS_ONLN));
    }
    if (mk_next.file) snprintf(head->allocator, sizeof head->allocator, "%s", mk_next.file);
}

static bool write_head(void) {
    static unsigned char page[MK_RAW_HEAD_BYTES];
    memcpy(page, &file.head, sizeof file.head);
    return sys_write(page, sizeof page, 0);
}

bool mk_file_open(void) {
    struct stat status;
    if (file.fd >= 0) return true;
    if (file.tried || !(file.asked || environ) || !mk_file_init(environ)) return false;
    file.tried = true;
    uint64_t dropped = file.head.dropped;
    mk_file_clock_ns();
    file.fd = open_new();
    if (file.fd < 0) return false;
    fill_head(&file.head);
    file.head.dropped = dropped;
    file.end = 0;
    if (fstat(file.fd, &status) == 0) {
        file.device = status.st_dev;
        file.inode = status.st_ino;
    }
    if (write_head()) file.end = MK_RAW_HEAD_BYTES;
    return true;
}

bool mk_file_is_open(void) {
    return file.fd >= 0;
}

bool mk_file_child(void) {
    if (file.fd >= 0) syscall(SYS_close, file.fd);
    file.fd = -1;
    file.pid = getpid();
    file.forked = true;
    file.tried = false;
    file.start_ns = 0;
    file.head.dropped = 0;
    return file.children;
}

bool mk_file_is_ours(void) {
    return file.pid == getpid();
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool is_capture(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_dev == file.device && status.st_ino == file.inode;
}

/* A program may close what it has not opened, as daemons do, and open something else under that number: then the
 * capture is opened anew. */
static bool still_ours(void) {
    if (is_capture(file.fd)) return true;
    file.fd = move_up(sys_open(file.path, O_RDWR | O_CLOEXEC));
    if (file.fd >= 0 && is_capture(file.fd)) return true;
    if (!file.head.failed) file.head.failed = EBADF;
    return false;
}

void mk_file_drop(uint64_t events) {
    file.head.dropped += events;
}

/* Returns how many events a block has. */
static uint64_t events_of(const struct mk_raw_block *block) {
    const uint64_t *word = (const uint64_t *)(const void *)(block + 1);
    uint64_t events = 0;
    for (uint32_t i = 0; i < block->words;) {
        unsigned first = (unsigned)(word[i] >> 56), code = first & ~MK_RAW_SHORT;
        events += code != MK_RAW_CLOCK && code != MK_RAW_WIDE && code != MK_RAW_GIVE;
        i += first & MK_RAW_SHORT ? 1 : 2;
    }
    return events;
}

/* After the first write that failed there is no second one: what is in the file stays in order. */
void mk_file_write(struct mk_raw_block *block) {
    size_t n = sizeof *block + block->words * sizeof(uint64_t);
    block->check = mk_raw_check(block);
    if (!mk_file_open() || file.head.failed || !still_ours() || !sys_write(block, n, file.end)) {
        file.head.dropped += events_of(block);
        return;
    }
    file.end += n;
}

/* The head is there already, so that this takes no room on a full disk. Where there was none for the head, the
 * file stays empty, if there is none now either: a hole in its place could not be mapped. */
void mk_file_close(void) {
    if (!still_ours()) return;
    file.head.closed = 1;
    if (syscall(SYS_ftruncate, file.fd, file.end) == 0) write_head();
    syscall(SYS_close, file.fd);
    file.fd = -1;
}
