/* process.c - see process.h. */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "registry.h"
#include "stacks.h"
#include "worker.h"

extern char **environ;

#define WORKER_IN 3
#define WORKER_OUT 4
#define HELLO_NS 30000000000u /* a worker that says nothing for so long is of some other program */

/* ---- signals ------------------------------------------------------------------------------- */

volatile sig_atomic_t mk_process_interrupted;
static struct sigaction kept_int, kept_term, kept_pipe;

static void on_interrupt(int signal_number) {
    mk_process_interrupted = signal_number;
}

void mk_process_guard(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    mk_process_interrupted = 0;
    sigaction(SIGINT, &action, &kept_int);
    sigaction(SIGTERM, &action, &kept_term);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, &kept_pipe);
}

void mk_process_unguard(void) {
    sigaction(SIGINT, &kept_int, NULL);
    sigaction(SIGTERM, &kept_term, NULL);
    sigaction(SIGPIPE, &kept_pipe, NULL);
}

/* ---- starting ------------------------------------------------------------------------------ */

/* A library that is loaded late, as allocators among peers are, may want room beside the thread-local variables of
 * the program. The loader keeps some free if it is told so before a process begins. */
static void keep_room_for_libraries(void) {
    const char *known = getenv("GLIBC_TUNABLES");
    if (known && strstr(known, "glibc.rtld.optional_static_tls")) return;
    const char *before = known && *known ? known : NULL;
    char *all = mk_need_format("%s%sglibc.rtld.optional_static_tls=8192", before ? before : "", before ? ":" : "");
    setenv("GLIBC_TUNABLES", all, 1);
    free(all);
}

static int start(struct mk_process *p, struct mk_err *err) {
    int in[2], out[2], said[2];
    posix_spawn_file_actions_t files;
    char self[4096];
    ssize_t self_n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[self_n > 0 ? self_n : 0] = '\0';
    /* /proc/self/exe still starts the same program after a rebuild has replaced the file. */
    const char *worker = p->config->worker, *program = worker ? worker : "/proc/self/exe";
    char *argv[] = {worker ? (char *)worker : self, (char *)"--worker", NULL};
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(said, O_CLOEXEC)) {
        return mk_fail(err, "cannot make pipes for a worker: %s", strerror(errno));
    }
    keep_room_for_libraries();
    posix_spawn_file_actions_init(&files);
    /* High numbers first: dup2 onto 3 and 4 must not close one of the pipes' own ends. */
    int high_in = fcntl(in[0], F_DUPFD_CLOEXEC, 64), high_out = fcntl(out[1], F_DUPFD_CLOEXEC, 64);
    int high_said = fcntl(said[1], F_DUPFD_CLOEXEC, 64);
    posix_spawn_file_actions_adddup2(&files, high_in, WORKER_IN);
    posix_spawn_file_actions_adddup2(&files, high_out, WORKER_OUT);
    posix_spawn_file_actions_adddup2(&files, high_said, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, high_said, STDERR_FILENO);
    int failed = posix_spawn(&p->pid, program, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    close(said[1]);
    close(high_in);
    close(high_out);
    close(high_said);
    p->to = in[1];
    p->from = out[0];
    p->err = said[0];
    p->in.fd = p->from;
    p->since_ns = mk_wall_ns();
    if (!failed) return 0;
    close(p->to);
    close(p->from);
    close(p->err);
    return mk_fail(err, "cannot start worker %s: %s", program, strerror(failed));
}

/* ---- what it says -------------------------------------------------------------------------- */

static void read_stderr(struct mk_process *p) {
    char bytes[65536];
    size_t most = p->config->said_max;
    ssize_t n = read(p->err, bytes, sizeof bytes);
    if (n <= 0) {
        close(p->err);
        p->err = -1;
        return;
    }
    mk_text_add(&p->said, bytes, (size_t)n);
    if (p->said.n > 2 * most) {
        memmove(p->said.at, p->said.at + p->said.n - most, most + 1);
        p->said.n = most;
    }
}

/* The first hello says which version a worker is, and is answered by the plan; the second, after the
 * plug-ins, what it can run, and is answered by the order. */
static int answer_hello(struct mk_process *p, const struct mk_hello *hello, struct mk_err *err) {
    const struct mk_process_config *config = p->config;
    if (!p->hello) {
        p->hello = true;
        if (hello->wire_digest != mk_wire_digest()) {
            return mk_fail(err, "the worker is of another version than this program: make that flavour again");
        }
        if (!config->other_build && hello->build_id != mk_worker_build_id()) {
            return mk_fail(err, "the worker is another build than this program: it was replaced while running");
        }
        return mk_wire_send(p->to, MK_FRAME_PLAN, config->plan, err);
    }
    uint64_t digest;
    if (mk_plan_cells_digest(config->plan, &digest, err)) return -1;
    if (hello->cells_digest != digest) {
        return mk_fail(err, "the worker has other implementations than this program: make that flavour again");
    }
    return mk_wire_send(p->to, config->order_type, config->order, err);
}

/* Takes all whole frames that have come. Returns 0, or -1 with err set. */
static int take_frames(struct mk_process *p, struct mk_err *err) {
    uint32_t type;
    void *obj;
    int got;
    while ((got = mk_wire_next(&p->in, &type, &obj, err)) > 0) {
        int failed = 0;
        if (type == MK_FRAME_HELLO) {
            failed = answer_hello(p, obj, err);
        } else if (type == MK_FRAME_DONE) {
            p->done = true;
        } else if (p->config->frame(p->config->arg, p, type, obj)) {
            obj = NULL;
        }
        if (obj) {
            mk_record_free(mk_frame_record(type), obj);
            free(obj);
        }
        if (failed) return -1;
    }
    return got;
}

/* ---- watching it --------------------------------------------------------------------------- */

/* Reads the first line of a file about a thread. Returns whether there was one. */
static bool read_proc(pid_t pid, const char *task, const char *file, char *line, int room) {
    char path[96];
    snprintf(path, sizeof path, "/proc/%ld/task/%.20s/%s", (long)pid, task, file);
    FILE *in = fopen(path, "r");
    bool got = in && fgets(line, room, in);
    if (in) fclose(in);
    return got;
}

/* What the threads of a process have come to. */
struct look {
    uint64_t all_ns;     /* CPU time of all */
    uint64_t busiest_ns; /* of the one that has used most since `base_ns` of the first one's, which outlives trials */
    bool runnable;       /* one of them runs, wants to, or waits for a disk */
};

static struct look look_at(pid_t pid, uint64_t base_ns) {
    char path[64], line[1024];
    struct look look = {0};
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    look.runnable = !tasks;
    while (tasks && (entry = readdir(tasks))) {
        unsigned long long ns = 0;
        if (entry->d_name[0] == '.') continue;
        if (read_proc(pid, entry->d_name, "schedstat", line, sizeof line)) sscanf(line, "%llu", &ns);
        look.all_ns += ns;
        if (strtol(entry->d_name, NULL, 10) == pid) ns = ns > base_ns ? ns - base_ns : 0;
        if (ns > look.busiest_ns) look.busiest_ns = ns;
        const char *state = read_proc(pid, entry->d_name, "stat", line, sizeof line) ? strrchr(line, ')') : NULL;
        if (!state || state[1] != ' ' || state[2] == 'R' || state[2] == 'D') look.runnable = true;
    }
    if (tasks) closedir(tasks);
    return look;
}

/* Returns the CPU time of the first thread. */
static uint64_t first_ns(pid_t pid) {
    char line[256], task[24];
    unsigned long long ns = 0;
    snprintf(task, sizeof task, "%ld", (long)pid);
    if (read_proc(pid, task, "schedstat", line, sizeof line)) sscanf(line, "%llu", &ns);
    return ns;
}

void mk_process_begins(struct mk_process *p, double allowed_s, double allowed_cpu_s, double stuck_s) {
    p->busy = true;
    p->since_ns = p->idle_from_ns = mk_wall_ns();
    p->allowed_s = allowed_s;
    p->allowed_cpu_s = allowed_cpu_s;
    p->stuck_s = stuck_s;
    p->first_from_ns = allowed_cpu_s > 0 ? first_ns(p->pid) : 0;
}

/* Returns whether it has been at one thing for too long. */
static bool hangs(struct mk_process *p) {
    uint64_t now = mk_wall_ns();
    if (p->done || !p->busy) return false;
    p->spent_s = (double)(now - p->since_ns) / 1e9;
    if (p->allowed_s > 0 && p->spent_s > p->allowed_s) {
        p->hung = "no end by the clock";
        return true;
    }
    if (now - p->looked_ns < 200000000 || (p->allowed_cpu_s <= 0 && p->stuck_s <= 0)) return false;
    p->looked_ns = now;
    struct look look = look_at(p->pid, p->first_from_ns);
    if (p->allowed_cpu_s > 0 && (double)look.busiest_ns > p->allowed_cpu_s * 1e9) {
        p->hung = "it works and does not get on";
        return true;
    }
    uint64_t idle = now - p->idle_from_ns;
    /* a sanitizer's own thread wakes up now and then, and does next to nothing */
    if (look.runnable || look.all_ns - p->idle_run_ns > idle / 50) {
        p->idle_run_ns = look.all_ns;
        p->idle_from_ns = now;
        return false;
    }
    if (p->stuck_s <= 0) return false;
    if ((double)idle <= p->stuck_s * 1e9) return false;
    p->hung = "every thread of it waits for another";
    return true;
}

/* Asks for all stacks, waits a little for them to be written, and ends the worker. */
static void end_hung(struct mk_process *p) {
    mk_stacks_ask(p->pid);
    uint64_t until = mk_wall_ns() + 500000000;
    while (p->err >= 0 && mk_wall_ns() < until) {
        struct pollfd ready = {p->err, POLLIN, 0};
        if (poll(&ready, 1, 100) > 0) read_stderr(p);
    }
    kill(p->pid, SIGKILL);
}

static int serve(struct mk_process *p, struct mk_err *err) {
    bool open = true;
    while (open || p->err >= 0) {
        struct pollfd ready[2] = {{open ? p->from : -1, POLLIN, 0}, {p->err, POLLIN, 0}};
        int n = poll(ready, 2, 200);
        if (mk_process_interrupted) {
            kill(p->pid, SIGKILL);
            return MK_PROCESS_INTERRUPTED;
        }
        if (n > 0 && ready[1].revents) read_stderr(p);
        if (n > 0 && ready[0].revents) {
            int got = mk_wire_fill(&p->in, err);
            if (got < 0 || take_frames(p, err) < 0) {
                kill(p->pid, SIGKILL);
                return MK_PROCESS_BROKEN;
            }
            open = got > 0;
        }
        if (open && !p->hello && mk_wall_ns() - p->since_ns > HELLO_NS) {
            kill(p->pid, SIGKILL);
            mk_fail(err, "the worker does not say what it is: make that flavour again");
            return MK_PROCESS_BROKEN;
        }
        if (open && !p->done && p->config->stop && p->config->stop(p->config->arg, p)) {
            kill(p->pid, SIGKILL);
            return MK_PROCESS_STOPPED;
        }
        if (open && hangs(p)) {
            end_hung(p);
            return MK_PROCESS_HUNG;
        }
    }
    return p->done ? MK_PROCESS_DONE : MK_PROCESS_CRASHED;
}

int mk_process_run(const struct mk_process_config *config, struct mk_process *p, struct mk_err *err) {
    memset(p, 0, sizeof *p);
    p->config = config;
    if (start(p, err)) return -1;
    int end = serve(p, err);
    close(p->to);
    close(p->from);
    if (p->err >= 0) close(p->err);
    while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR) {
    }
    mk_wire_in_free(&p->in);
    return end;
}

char *mk_process_death(const struct mk_process *p, int end) {
    char *stacks = mk_stacks_name(p->said.at ? p->said.at : "");
    char *text;
    if (end == MK_PROCESS_HUNG) {
        text = mk_need_format("no end after %.0f s (%s), stacks follow\n%s", p->spent_s, p->hung, stacks);
    } else if (WIFSIGNALED(p->status)) {
        text = mk_need_format("the worker died of signal %d (%s)\n%s", WTERMSIG(p->status),
                              strsignal(WTERMSIG(p->status)), stacks);
    } else {
        text = mk_need_format("the worker ended with status %d\n%s", WEXITSTATUS(p->status), stacks);
    }
    free(stacks);
    return text;
}
