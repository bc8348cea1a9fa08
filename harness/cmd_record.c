/* cmd_record.c - `record`: runs a program under libmemkit-trace.so, and makes a trace of its allocations when it
 * has ended. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloctrace.h"
#include "build_info.h"
#include "commands.h"
#include "launch.h"
#include "record.h"

#define LIBRARY "libmemkit-trace.so"

static const char help[] =
    "usage: memkit-bench record -o FILE [--children] [--keep-raw] -- PROGRAM ARGUMENTS...\n"
    "       memkit-bench record -o FILE --finish FILE.raw\n"
    "\n"
    "Runs a program and records what it asks of its allocator: each malloc, calloc, realloc, free and aligned\n"
    "allocation of each thread, with sizes, in an order that keeps what crosses threads. `memkit-bench trace info\n"
    "FILE` shows what is in it, `trace verify FILE` checks it.\n"
    "\n"
    "  -o FILE     the trace (memkit.trace/1). While the program runs, FILE.raw grows beside it, by 8 to 16 bytes\n"
    "              an event\n"
    "  --children  record its child processes too, in FILE.PID each; without it they run as ever, unrecorded.\n"
    "              Where a process replaces its program by another one (exec), the last one is what is recorded\n"
    "  --keep-raw  leave FILE.raw there\n"
    "  --finish    make the trace of a capture that is left over, because memkit-bench itself was ended\n"
    "  --help      this text\n"
    "\n"
    "The program is a dynamic one and not setuid: " LIBRARY " is loaded into it (LD_PRELOAD). It has its own\n"
    "standard streams, and its own allocator, whichever that is.\n"
    "\n"
    "examples:\n"
    "  memkit-bench record -o sort.trace -- sort /etc/services\n"
    "  memkit-bench record -o git.trace --children -- git status\n"
    "\n"
    "Exit status: 0 the trace is whole, however the program ended (which is said); 2 bad usage, or a program that\n"
    "cannot be recorded; 3 the trace is there, but something is missing from it; 6 nothing was recorded.\n";

struct order {
    const char *out, *finish;
    bool children, keep_raw;
    char **program;
};

static int misused(const char *what, const char *word) {
    fprintf(stderr, "memkit-bench record: %s%s (see --help)\n", what, word);
    return MK_EXIT_USAGE;
}

static int fail(const char *path, const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench record: %s: %s\n", path, err->text);
    return status;
}

/* ---- the library --------------------------------------------------------------------------- */

/* Returns the library beside this program, or in ../lib of it; the caller frees it. NULL with err set. */
static char *find_library(struct mk_err *err) {
    char self[4096];
    static const char *const places[] = {"", "/../lib", "/../lib/memkit-bench"};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = mk_need_format("%s%s/" LIBRARY, self, places[i]);
        bool there = access(path, R_OK) == 0, splits = strpbrk(path, " :") != NULL;
        if (there && !splits) return path;
        if (there) {
            mk_fail(err, "it is in %.150s, and LD_PRELOAD takes no path with a space or a colon: move memkit-bench "
                         "and it to a folder without", path);
        }
        free(path);
        if (there) return NULL;
    }
    mk_fail(err, "there is no " LIBRARY " beside this program or in its ../lib: `make` makes it, in the flavours "
                 "release and debug (this is %s)", mk_build_info()->flavour);
    return NULL;
}

/* ---- what can be recorded ------------------------------------------------------------------ */

/* Returns the file that execvp would start; the caller frees it. NULL: there is none. */
static char *find_program(const char *name) {
    const char *path = getenv("PATH");
    if (strchr(name, '/')) return access(name, X_OK) == 0 ? mk_need_text(name) : NULL;
    for (const char *at = path ? path : "/usr/bin:/bin"; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        int n = (int)strcspn(at, ":");
        struct stat status;
        char *full = n ? mk_need_format("%.*s/%s", n, at, name) : mk_need_text(name);
        if (stat(full, &status) == 0 && S_ISREG(status.st_mode) && access(full, X_OK) == 0) return full;
        free(full);
    }
    return NULL;
}

/* Returns whether an ELF file asks for a loader: what is loaded ahead is the loader's business. */
static bool has_loader(int fd, const unsigned char *head) {
    Elf64_Ehdr file;
    Elf64_Phdr part;
    memcpy(&file, head, sizeof file);
    if (file.e_ident[EI_CLASS] != ELFCLASS64 || file.e_phentsize != sizeof part) return false;
    for (unsigned i = 0; i < file.e_phnum; i++) {
        if (pread(fd, &part, sizeof part, (off_t)(file.e_phoff + i * sizeof part)) != (ssize_t)sizeof part)
            return false;
        if (part.p_type == PT_INTERP) return true;
    }
    return false;
}

/* Follows scripts to what runs them. Returns 0, or -1 with err saying why it cannot be recorded. */
static int check_program(const char *path, struct mk_err *err, int depth) {
    unsigned char head[256] = {0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed = 0;
    if (fd < 0) return 0; /* it may still be run */
    ssize_t n = read(fd, head, sizeof head - 1);
    if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID) && !(status.st_mode & S_IFDIR)) {
        failed = mk_fail(err, "it is setuid or setgid, and such programs load nothing ahead: take a copy");
    } else if (n >= (ssize_t)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0) {
        if (!has_loader(fd, head)) {
            failed = mk_fail(err, "it is a static program, or one of another machine, into which nothing can be "
                                  "loaded: link it dynamically");
        }
    } else if (n > 3 && head[0] == '#' && head[1] == '!' && depth < 4) {
        char *word = (char *)head + 2;
        word += strspn(word, " \t");
        word[strcspn(word, " \t\n")] = '\0';
        failed = check_program(word, err, depth + 1);
    }
    close(fd);
    return failed;
}

/* ---- the run ------------------------------------------------------------------------------- */

/* Returns the path from the root, so that the program may change its folder; the caller frees it. */
static char *absolute(const char *path) {
    char here[PATH_MAX];
    if (path[0] == '/' || !getcwd(here, sizeof here)) return mk_need_text(path);
    return mk_need_format("%s/%s", here, path);
}

static void become(const struct order *order, const char *library, const char *base) {
    const char *before = getenv("LD_PRELOAD");
    char *preload = mk_need_format("%s%s%s", library, before && *before ? ":" : "", before ? before : "");
    setenv("LD_PRELOAD", preload, 1);
    setenv("MEMKIT_TRACE", base, 1);
    char *pid = mk_need_format("%d", (int)getpid());
    setenv("MEMKIT_TRACE_PID", pid, 1);
    setenv("MEMKIT_TRACE_CHILDREN", order->children ? "1" : "0", 1);
    execvp(order->program[0], order->program);
    fprintf(stderr, "memkit-bench record: %s: %s\n", order->program[0], strerror(errno));
    _exit(127);
}

/* What would end `record` is for the program. The terminal sends the first two to both of them; the others may have
 * been sent to `record` alone, so that they are handed on. */
static const int for_program[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
#define FOR_PROGRAM (sizeof for_program / sizeof *for_program)
static volatile sig_atomic_t program_pid;

static void hand_on(int number) {
    int kept = errno;
    if (program_pid > 0) kill((pid_t)program_pid, number);
    errno = kept;
}

static void restore(const struct sigaction *kept) {
    for (size_t i = 0; i < FOR_PROGRAM; i++) sigaction(for_program[i], &kept[i], NULL);
}

/* Runs the program to its end. Returns its status as waitpid gives it, or -1. */
static int run_program(const struct order *order, const char *library, const char *base) {
    struct sigaction kept[FOR_PROGRAM];
    sigset_t ours, before;
    int status = -1;
    sigemptyset(&ours);
    for (size_t i = 0; i < FOR_PROGRAM; i++) {
        struct sigaction action = {.sa_handler = i < 2 ? SIG_IGN : hand_on};
        sigaddset(&ours, for_program[i]);
        sigaction(for_program[i], NULL, &kept[i]);
        if (kept[i].sa_handler != SIG_IGN) sigaction(for_program[i], &action, NULL); /* nohup */
    }
    sigprocmask(SIG_BLOCK, &ours, &before); /* until it is known whom they are for */
    pid_t child = fork();
    if (child == 0) {
        restore(kept);
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(order, library, base);
    }
    program_pid = child;
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (child > 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) break;
    }
    program_pid = 0;
    restore(kept);
    return status;
}

/* ---- the trace ----------------------------------------------------------------------------- */

/* Moves a trace to its place. One that is there is not given up for one in which there is nothing, and the capture
 * of that is of no more use. */
static int move_into_place(const char *part, const char *out, const char *raw, bool keep, bool empty,
                           struct mk_err *err) {
    if (empty && access(out, F_OK) == 0) {
        if (!keep) unlink(raw);
        return mk_fail(err, "nothing was written before the program ended: %.150s stays as it was", out);
    }
    if (rename(part, out)) return mk_fail(err, "cannot be moved into place: %s", strerror(errno));
    if (!keep) unlink(raw);
    return 0;
}

/* Makes the trace beside its place, and moves it there when it is whole. Returns the exit status. */
static int finish_one(const char *raw, const char *out, bool keep) {
    struct mk_alloctrace_tally tally = {0};
    struct mk_text said = {0};
    struct mk_err err;
    uint64_t threads = 0, events = 0;
    char *part = mk_need_format("%s.part", out);
    FILE *to = fopen(part, "wb");
    int status = MK_EXIT_FINE, failed = 0;
    if (!to) {
        mk_fail(&err, "cannot be written: %s", strerror(errno));
        status = fail(out, &err, MK_EXIT_USAGE);
    } else {
        failed = mk_alloctrace_from_raw(raw, to, &tally, &threads, &events, &err);
        if (fclose(to) && !failed) failed = mk_fail(&err, "cannot be written: %s", strerror(errno));
        bool empty = !events && mk_alloctrace_lacks(&tally);
        if (!failed) failed = move_into_place(part, out, raw, keep, empty, &err);
        if (failed) {
            status = fail(raw, &err, MK_EXIT_UNMEASURED);
            unlink(part);
        } else {
            fprintf(stderr, "%s: %" PRIu64 " events of %" PRIu64 " thread%s\n", out, events, threads,
                    threads == 1 ? "" : "s");
            mk_alloctrace_tell(&tally, &said);
            if (said.n) fprintf(stderr, "%s", said.at);
            if (mk_alloctrace_lacks(&tally)) status = MK_EXIT_UNMEASURED;
        }
    }
    mk_text_free(&said);
    free(part);
    return status;
}

/* Returns whether a path is base.PID.raw: others that look like it are not ours. */
static bool is_child(const char *base, const char *path) {
    size_t from = strlen(base) + 1, digits = strspn(path + from, "0123456789");
    return digits && strcmp(path + from + digits, ".raw") == 0;
}

/* Finds what may be captures of children (see is_child). Returns whether there are some, to be freed. */
static bool find_children(const char *base, glob_t *found) {
    struct mk_text pattern = {0};
    for (const char *at = base; *at; at++) {
        if (strchr("*?[\\", *at)) mk_text_putc(&pattern, '\\');
        mk_text_putc(&pattern, *at);
    }
    mk_text_puts(&pattern, ".[0-9]*.raw");
    int failed = glob(pattern.at, 0, NULL, found);
    mk_text_free(&pattern);
    return !failed;
}

/* Returns the gravest status. */
static int finish_children(const char *base, bool keep) {
    glob_t found;
    int gravest = MK_EXIT_FINE;
    if (!find_children(base, &found)) return gravest;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (!is_child(base, found.gl_pathv[i])) continue;
        char *out = mk_need_text(found.gl_pathv[i]);
        out[strlen(out) - 4] = '\0';
        int status = finish_one(found.gl_pathv[i], out, keep);
        if (status > gravest) gravest = status;
        free(out);
    }
    globfree(&found);
    return gravest;
}

static void say_end(const char *program, int status) {
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "memkit-bench record: %s was ended by signal %d (%s)\n", program, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    } else if (WIFEXITED(status) && WEXITSTATUS(status)) {
        fprintf(stderr, "memkit-bench record: %s ended with status %d\n", program, WEXITSTATUS(status));
    }
}

/* Captures of an earlier recording of the same name would be taken for this one's. */
static void clear_children(const char *base) {
    glob_t found;
    if (!find_children(base, &found)) return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (is_child(base, found.gl_pathv[i])) unlink(found.gl_pathv[i]);
    }
    globfree(&found);
}

/* Opens the capture and locks it until it is closed: two recordings to one file would lose both. Returns the file,
 * with what is known of it, or -1 with err set. */
static int open_locked(const char *raw, struct stat *status, struct mk_err *err) {
    struct stat by_name;
    int fd = open(raw, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return mk_fail(err, "cannot be written: %s", strerror(errno));
    bool taken = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    /* Who has had the lock until now may have deleted the file meanwhile. */
    if (!taken && fstat(fd, status) == 0 && stat(raw, &by_name) == 0 && status->st_ino == by_name.st_ino &&
        status->st_dev == by_name.st_dev) {
        return fd;
    }
    close(fd);
    return mk_fail(err, "another recording to this file is under way: give another -o FILE");
}

/* Makes the capture, empty and locked, before the program runs, so that what cannot be written is known then. One
 * that is left over is deleted, and not emptied: its program may still run, and write into it. Returns the file, or
 * -1 with err set. */
static int claim(const char *raw, const char *out, struct mk_err *err) {
    struct stat status;
    if (stat(out, &status) == 0 && !S_ISREG(status.st_mode))
        return mk_fail(err, "cannot be written: it is there, and is no file");
    int old = open_locked(raw, &status, err);
    if (old < 0 || !status.st_size) return old;
    unlink(raw);
    int fd = open_locked(raw, &status, err);
    close(old);
    return fd;
}

static int record(const struct order *order, const char *library) {
    struct mk_err err;
    struct stat captured;
    char *base = absolute(order->out), *raw = mk_need_format("%s.raw", base);
    int status, fd = claim(raw, order->out, &err);
    if (fd < 0) {
        status = fail(order->out, &err, MK_EXIT_USAGE);
    } else {
        if (order->children) clear_children(base);
        int ended = run_program(order, library, base);
        say_end(order->program[0], ended);
        if (stat(raw, &captured) || !captured.st_size) {
            unlink(raw);
            mk_fail(&err, "nothing was recorded: the program did not start, or did not load " LIBRARY
                          " (a static program behind a script?), or there was no room for FILE.raw");
            status = fail(order->program[0], &err, MK_EXIT_BROKEN);
        } else {
            status = finish_one(raw, order->out, order->keep_raw);
            int children = order->children ? finish_children(base, order->keep_raw) : MK_EXIT_FINE;
            if (!status) status = children;
        }
        close(fd);
    }
    free(base);
    free(raw);
    return status;
}

/* ---- the command line ---------------------------------------------------------------------- */

static int run(const struct order *order) {
    struct mk_err err;
    if (!order->out) return misused("where to? give -o FILE", "");
    if (mk_launch_folder(order->out, &err)) return fail(order->out, &err, MK_EXIT_USAGE);
    if (order->finish) {
        if (order->program[0]) return misused("--finish runs no program, and not ", order->program[0]);
        return finish_one(order->finish, order->out, true);
    }
    if (!order->program[0]) return misused("which program? give it behind --", "");
    char *library = find_library(&err), *program = find_program(order->program[0]);
    int status = MK_EXIT_USAGE;
    if (!program) {
        mk_fail(&err, "there is no such program");
        fail(order->program[0], &err, 0);
    } else if (!library) {
        status = fail(LIBRARY, &err, MK_EXIT_BROKEN);
    } else if (check_program(program, &err, 0)) {
        fail(program, &err, 0);
    } else {
        status = record(order, library);
    }
    free(library);
    free(program);
    return status;
}

int mk_cmd_record(int argc, char **argv) {
    static const struct option options[] = {{"children", no_argument, NULL, 'c'},
                                            {"keep-raw", no_argument, NULL, 'k'},
                                            {"finish", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct order order = {0};
    optind = 1;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, "+:ho:", options, NULL)) != -1;) {
        switch (id) {
        case 'o': order.out = optarg; break;
        case 'c': order.children = true; break;
        case 'k': order.keep_raw = true; break;
        case 'f': order.finish = optarg; break;
        case 'h': fputs(help, stdout); return MK_EXIT_FINE;
        case ':': return misused("a value is missing after ", argv[optind - 1]);
        default: return misused("no option ", argv[optind - 1]);
        }
    }
    order.program = argv + optind;
    return run(&order);
}
