"""test_record.py - `memkit-bench record`: what programs ask of their allocator comes out of the trace again, event by event;
programs that fork, crash, leave early, close what is not theirs or fill the disk; what cannot be recorded says so."""
import csv
import io
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys

from bench_case import BENCH, CC, contains, equal, main

LIBRARY = os.path.join(os.path.dirname(BENCH), "libmemkit-trace.so")


def missing():
    return None if os.path.exists(LIBRARY) else "the recorder is made in the flavours release and debug"


def program(case, body, name="prog"):
    """Compiles a program; returns its path."""
    path = os.path.join(case.folder, name)
    head = "#define _GNU_SOURCE\n" + "".join(f"#include <{h}>\n" for h in (
        "errno.h", "fcntl.h", "malloc.h", "pthread.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "sys/resource.h",
        "sys/syscall.h", "sys/wait.h", "unistd.h"))
    source = case.file(name + ".c", head + body)
    made = subprocess.run([CC, "-std=gnu11", "-O1", "-w", "-fno-builtin", "-pthread", source, "-o", path], capture_output=True, text=True,
                          check=False)
    assert made.returncode == 0, made.stderr
    return path


def record(case, *words, status=0, options=(), **more):
    run = case.run("record", "-o", "t.trace", *options, "--", *words, **more)
    equal(run.returncode, status, run.stderr + run.stdout)
    return run


def verified(case, path="t.trace"):
    run = case.run("trace", "verify", path)
    equal((run.returncode, run.stdout), (0, path + ": ok\n"), run.stderr)
    assert not os.path.exists(os.path.join(case.folder, path + ".raw")), "the capture is still there"
    return json.loads(case.run("trace", "info", "--json", path).stdout)


def events(case, path="t.trace", *options):
    return list(csv.DictReader(io.StringIO(case.run("trace", "export", *options, path).stdout)))


def follow(rows):
    """Checks the order and what is taken and given; returns (thread, event, size, align, what it takes: size) of blocks
    above 100000 bytes, which are the test's own."""
    live, found = {}, []
    equal([int(row["order"]) for row in rows], list(range(len(rows))))
    for row in rows:
        taken = None
        name = (lambda text, row=row: text if text[0] == "X" else row["thread"] + text)
        if row["taken"]:
            taken = live.pop(name(row["taken"]))
        if row["given"]:
            assert name(row["given"]) not in live, row
            live[name(row["given"])] = int(row["size"])
        if (row["size"] and int(row["size"]) > 100000) or (taken or 0) > 100000:
            found.append((int(row["thread"]), row["event"], int(row["size"] or 0), int(row["align"] or 0), taken))
    return found


# ---- what is recorded ------------------------------------------------------------------------

KNOWN = r"""
static void *handed[2];
static void *second(void *arg) {
    free(handed[0]);
    handed[1] = realloc(handed[1], 100021);
    void *p = malloc(100022);
    free(p);
    return NULL;
}
int main(void) {
    void *p, *q, *r;
    pthread_t id;
    p = malloc(100001);
    q = calloc(100002, 2);
    p = realloc(p, 1000003);
    q = reallocarray(q, 100004, 3);
    free(q);
    if (posix_memalign(&q, 256, 100005)) return 1;
    r = aligned_alloc(512, 102400);
    free(r);
    r = memalign(8192, 100006);
    free(q);
    free(r);
    r = valloc(100007);
    free(r);
    r = pvalloc(100008);
    free(r);
    r = malloc(0);
    free(r);
    free(NULL);
    if (malloc((size_t)1 << 60) || calloc((size_t)1 << 33, (size_t)1 << 33) || !posix_memalign(&r, 3, 100009)) return 2;
    if (realloc(p, (size_t)1 << 61) || reallocarray(p, (size_t)1 << 60, 64) || errno != ENOMEM) return 3;
    r = realloc(NULL, 100010);
    if (realloc(r, 0)) return 4;
    handed[0] = p;
    handed[1] = malloc(100011);
    pthread_create(&id, NULL, second, NULL);
    pthread_join(id, NULL);
    free(handed[1]);
    if (malloc_usable_size(p = malloc(100012)) < 100012) return 5;
    return 0;
}
"""


def test_known_allocations_of_two_threads_come_out_again(case):
    if missing():
        return missing()
    record(case, program(case, KNOWN))
    said = verified(case)
    page = os.sysconf("SC_PAGESIZE")
    top = 2 ** 64 - 1
    found = follow(events(case))
    names = [(thread, event.replace("_moved", ""), size, align, taken) for thread, event, size, align, taken in found]
    # Each thread's in its order; across threads what is freed comes after what allocates it, and no more is promised.
    equal([name for name in names if name[0] == 0] + [name for name in names if name[0] == 1], [
        (0, "malloc", 100001, 0, None), (0, "calloc", 200004, 0, None), (0, "realloc", 1000003, 0, 100001),
        (0, "realloc", 300012, 0, 200004), (0, "free", 0, 0, 300012), (0, "aligned", 100005, 256, None),
        (0, "aligned", 102400, 512, None), (0, "free", 0, 0, 102400), (0, "aligned", 100006, 8192, None),
        (0, "free", 0, 0, 100005), (0, "free", 0, 0, 100006), (0, "aligned", 100007, page, None), (0, "free", 0, 0, 100007),
        (0, "aligned", -(-100008 // page) * page, page, None), (0, "free", 0, 0, -(-100008 // page) * page),
        (0, "malloc_failed", 2 ** 60, 0, None), (0, "calloc_failed", top, 0, None), (0, "aligned_failed", 100009, 4, None),
        (0, "realloc_failed", 2 ** 61, 0, None), (0, "realloc_failed", top, 0, None), (0, "malloc", 100010, 0, None),
        (0, "free", 0, 0, 100010), (0, "malloc", 100011, 0, None), (0, "free", 0, 0, 100021), (0, "malloc", 100012, 0, None),
        (1, "free", 0, 0, 1000003), (1, "realloc", 100021, 0, 100011), (1, "malloc", 100022, 0, None), (1, "free", 0, 0, 100022)])
    equal((said["whole"], said["dropped"], said["unmatched"], len(said["threads"])), (True, 0, 0, 2))
    equal(said["crossing_frees"], 3)
    equal(said["zero_sized"], 1)
    contains(said["command"], "prog")
    contains(said["allocator"], "libc")
    equal(case.run("validate", "t.trace").returncode, 0)
    shown = case.run("trace", "info", "t.trace")
    contains(shown.stdout, "a trace of allocations", "missing       nothing", "crossing      3 of ", "realloc_failed")
    return None


HANDED = r"""
#define N 200000
#define SLOTS 256
static void *_Atomic slot[SLOTS];
static void *work(void *arg) {
    uint64_t x = (uintptr_t)arg;
    for (int i = 0; i < N; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned s = (x >> 40) % SLOTS;
        void *mine = (x >> 50) % 4 ? malloc((x >> 33) % 300) : calloc(1, (x >> 33) % 5000);
        void *old = __atomic_exchange_n(&slot[s], mine, __ATOMIC_ACQ_REL);
        if ((x >> 60) == 3) old = realloc(old, (x >> 20) % 700 + 1);
        free(old);
        if (i % 32 == 0) sched_yield();
    }
    return NULL;
}
int main(void) {
    pthread_t id[4];
    for (uintptr_t t = 0; t < 4; t++) pthread_create(&id[t], NULL, work, (void *)(t + 1));
    for (int t = 0; t < 4; t++) pthread_join(id[t], NULL);
    for (int s = 0; s < SLOTS; s++) free(slot[s]);
    return 0;
}
"""


def test_blocks_handed_between_four_threads_keep_their_order(case):
    """A million events on addresses that threads free for one another at once: one out of order would match nothing."""
    if missing():
        return missing()
    record(case, program(case, HANDED))
    said = verified(case)
    assert said["events"] > 1600000, said["events"]
    equal((said["unmatched"], said["implied"], said["dropped"]), (0, 0, 0))
    assert said["crossing_frees"] > said["frees"] / 50, said["crossing_frees"]
    assert said["end_live_blocks"] < 40, said["end_live_blocks"]
    return None


CHURN = r"""
static pthread_key_t keys[3];
static _Thread_local int last;
static void late(void *p) {
    free(p);
    if (last++ < 3) pthread_setspecific(keys[last % 3], malloc(70));
}
static void *work(void *arg) {
    for (int k = 0; k < 3; k++) pthread_setspecific(keys[k], malloc(50));
    void *p = malloc(60);
    free(arg);
    return p;
}
int main(void) {
    for (int k = 0; k < 3; k++) pthread_key_create(&keys[k], late);
    for (int i = 0; i < 2000; i++) {
        pthread_t id;
        void *p;
        pthread_create(&id, NULL, work, malloc(40));
        pthread_join(id, &p);
        free(p);
    }
    return 0;
}
"""


def test_threads_that_come_and_go_and_free_late(case):
    if missing():
        return missing()
    record(case, program(case, CHURN))
    said = verified(case)
    equal(len(said["threads"]), 2001)
    equal(said["of_event"]["thread_exit"], 2001)
    equal((said["unmatched"], said["implied"]), (0, 0))
    sizes = [int(row["size"]) for row in events(case) if row["event"] == "malloc"]
    equal([sizes.count(n) for n in (40, 50, 60)], [2000, 6000, 2000])
    return None


# ---- real programs ---------------------------------------------------------------------------

def real(case, words, **more):
    if missing():
        return missing()
    if not shutil.which(words[0]):
        return words[0] + " is not installed"
    plain = subprocess.run(words, cwd=case.folder, capture_output=True, text=True, check=False, **more)
    run = record(case, *words, **more)
    equal(run.stdout, plain.stdout)
    said = verified(case)
    equal((said["unmatched"], said["implied"], said["dropped"]), (0, 0, 0))
    assert said["events"] > 1000, said["events"]
    return None


def test_python_is_recorded(case):
    script = "import json, threading\nout = []\ndef work():\n    out.append(len(json.dumps([list(range(300)) for _ in range(300)])))\n" \
             "ts = [threading.Thread(target=work) for _ in range(4)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(out)\n"
    return real(case, ["/usr/bin/python3", "-c", script], env=dict(os.environ, PYTHONMALLOC="malloc"))


def test_git_is_recorded(case):
    if shutil.which("git"):
        subprocess.run("git init -q . && for i in 1 2 3 4 5 6 7 8 9; do seq 1 ${i}00 >f$i; done && git add . && "
                       "git -c user.name=a -c user.email=a@b commit -qm x", shell=True, cwd=case.folder, check=True)
    return real(case, ["git", "--no-pager", "log", "--stat", "-p"])


def test_sqlite_is_recorded(case):
    return real(case, ["sqlite3", ":memory:", "create table t(a, b); "
                       "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) "
                       "insert into t select i, i % 7 from n; create index x on t(b); select b, count(*), sum(a) from t group by b;"])


# ---- processes -------------------------------------------------------------------------------

FORKING = r"""
int main(int argc, char **argv) {
    char *mine = malloc(100001);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        free(mine);
        mine = malloc(100002);
        mine = malloc(100003);
        if (argc > 1) _exit(0);
        return 0;
    }
    int status;
    waitpid(child, &status, 0);
    mine = malloc(100004);
    child = vfork();
    if (child == 0) _exit(7);
    waitpid(child, &status, 0);
    mine = malloc(100005);
    printf("%d\n", WEXITSTATUS(status));
    return 0;
}
"""


def sizes(case, path="t.trace"):
    return [size for _, event, size, _, _ in follow(events(case, path)) if event in ("malloc", "calloc")]


def children(case):
    return sorted(name for name in os.listdir(case.folder) if name.startswith("t.trace."))


def test_a_forked_child_is_left_alone(case):
    if missing():
        return missing()
    run = record(case, program(case, FORKING))
    equal(run.stdout, "7\n")
    verified(case)
    equal(sizes(case), [100001, 100004, 100005])
    equal(children(case), [])
    return None


def test_or_has_a_trace_of_its_own(case):
    if missing():
        return missing()
    for arguments in ([], ["now"]):
        record(case, program(case, FORKING), *arguments, options=["--children"])
        verified(case)
        equal(sizes(case), [100001, 100004, 100005])
        found = children(case)
        equal(len(found), 1, found)
        said = verified(case, found[0])
        equal((said["inherited"], said["unmatched"], said["forked"]), (1, 0, True))
        equal(sizes(case, found[0]), [100002, 100003])
        os.unlink(os.path.join(case.folder, found[0]))
    return None


def test_a_program_behind_a_script_and_one_behind_an_exec(case):
    if missing():
        return missing()
    path = program(case, "int main(void) { malloc(100777); return 0; }")
    script = case.file("run.sh", f"#!/bin/sh\nexec '{path}'\n")
    os.chmod(script, 0o755)
    record(case, script)
    verified(case)
    equal(sizes(case), [100777])
    waiting = case.file("wait.sh", f"#!/bin/sh\n'{path}'\ntrue\n")
    os.chmod(waiting, 0o755)
    record(case, waiting)
    verified(case)
    equal(sizes(case), [])
    record(case, waiting, options=["--children"])
    found = children(case)
    equal(len(found), 1, found)
    verified(case, found[0])
    equal(sizes(case, found[0]), [100777])
    return None


def test_a_fork_with_threads_running_does_not_hang(case):
    if missing():
        return missing()
    body = r"""
static volatile int stop;
static void *churn(void *arg) { while (!stop) free(malloc(64)); return NULL; }
int main(void) {
    pthread_t id[3];
    for (int t = 0; t < 3; t++) pthread_create(&id[t], NULL, churn, NULL);
    for (int i = 0; i < 60; i++) {
        pid_t child = i % 3 == 2 ? syscall(SYS_fork) : fork();
        if (child == 0) { if (i % 3 != 2) free(malloc(100)); _exit(0); }
        int status;
        waitpid(child, &status, 0);
        if (status) return 9;
    }
    stop = 1;
    for (int t = 0; t < 3; t++) pthread_join(id[t], NULL);
    return 0;
}
"""
    path = program(case, body)
    record(case, path)
    verified(case)
    record(case, path, options=["--children"])
    verified(case)
    for name in children(case):
        verified(case, name)
    return None


# ---- ends ------------------------------------------------------------------------------------

def test_leaving_at_once_loses_nothing(case):
    if missing():
        return missing()
    for call in "_exit(0)", "_Exit(0)", "exit(0)":
        record(case, program(case, "int main(void) { for (int i = 0; i < 1000; i++) malloc(100001 + i); " + call + "; }"))
        verified(case)
        equal(sizes(case), [100001 + i for i in range(1000)])
    return None


BUSY = r"""
#include <signal.h>
#include <sys/time.h>
static void churn(unsigned i) {
    void *p[64] = {0};
    for (;; i++) { unsigned k = i * 7 & 63; free(p[k]); p[k] = malloc(16 + i * 37 % 500); }
}
static void leave(int number) { _exit(0); }
static void *work(void *arg) { churn((unsigned)(uintptr_t)arg); return NULL; }
int main(int argc, char **argv) {
    pthread_t id;
    struct itimerval soon = {{0, 0}, {0, 20000}};
    if (argc > 1) {
        signal(SIGALRM, leave);
        setitimer(ITIMER_REAL, &soon, NULL);
        churn(0);
    }
    for (uintptr_t t = 0; t < 3; t++) pthread_create(&id, NULL, work, (void *)t);
    usleep(10000);
    return 0;
}
"""


def test_an_end_amid_allocations_writes_each_record_once(case):
    """Out of a signal handler, which may come right after a buffer was written; and while three threads go on."""
    if missing():
        return missing()
    path = program(case, BUSY)
    for arguments in ["handler"], []:
        for _ in range(6):
            record(case, path, *arguments)
            said = verified(case)
            equal((said["unmatched"], said["implied"], said["dropped"]), (0, 0, 0))
    return None


def test_a_program_that_allocates_nothing_has_a_whole_trace(case):
    if missing():
        return missing()
    record(case, program(case, "int main(void) { return 0; }"))
    assert verified(case)["allocations"] < 10
    return None


def test_a_crash_costs_what_was_in_memory_and_says_so(case):
    if missing():
        return missing()
    path = program(case, """int main(void) {
        void *keep = malloc(55);
        for (int i = 0; i < 200000; i++) { void *p = malloc(i % 3000); if (i % 10) free(p); }
        abort();
    }""")
    run = record(case, path, status=3, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    contains(run.stderr, "ended by signal 6", "ended before the recording did")
    refused = case.run("trace", "verify", "t.trace")
    equal(refused.returncode, 2)
    contains(refused.stderr, "something is missing", "--repair")
    said = json.loads(case.run("trace", "info", "--json", "t.trace").stdout)
    assert said["events"] > 300000 and not said["ended"] and not said["whole"], said["events"]
    mended = case.run("trace", "verify", "t.trace", "--repair", "-o", "m.trace")
    equal(mended.returncode, 0, mended.stderr)
    again = verified(case, "m.trace")
    equal((again["events"], again["repaired"], again["whole"]), (said["events"], True, True))
    return None


def test_a_full_disk_does_not_stop_the_program(case):
    if missing():
        return missing()
    path = program(case, r"""int main(void) {
        struct rlimit limit;
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 300000;
        setrlimit(RLIMIT_FSIZE, &limit);
        for (int i = 0; i < 200000; i++) free(malloc(i % 3000));
        errno = 17;
        for (int i = 0; i < 200000; i++) free(malloc(100));
        puts(errno == 17 ? "done" : "errno");
        return 0;
    }""")
    run = record(case, path, status=3)
    equal(run.stdout, "done\n")
    contains(run.stderr, "could not be written", "File too large")
    said = json.loads(case.run("trace", "info", "--json", "t.trace").stdout)
    assert said["dropped"] > 100000 and said["ended"], said["dropped"]
    assert abs(said["events"] + said["dropped"] - 800000) < 100, said
    equal(case.run("trace", "verify", "t.trace").returncode, 2)
    equal(case.run("trace", "verify", "t.trace", "--repair", "-o", "m.trace").returncode, 0)
    verified(case, "m.trace")
    return None


def test_a_program_that_closes_everything_keeps_its_files_and_its_trace(case):
    if missing():
        return missing()
    path = program(case, r"""int main(void) {
        for (int i = 0; i < 50000; i++) free(malloc(i % 3000));
        for (int fd = 3; fd < 4096; fd++) close(fd);
        int mine = open("mine", O_RDWR | O_CREAT, 0600);
        for (int fd = 800; fd < 1000; fd++) dup2(mine, fd);
        for (int i = 0; i < 50000; i++) free(malloc(i % 3000));
        return write(mine, "hello", 5) != 5;
    }""")
    record(case, path)
    with open(os.path.join(case.folder, "mine"), encoding="utf-8") as mine:
        equal(mine.read(), "hello")
    equal(verified(case)["of_event"]["malloc"] >= 100000, True)
    return None


def test_a_capture_that_was_left_is_finished(case):
    if missing():
        return missing()
    record(case, program(case, "int main(void) { malloc(100005); return 3; }"), options=["--keep-raw"])
    os.rename(os.path.join(case.folder, "t.trace.raw"), os.path.join(case.folder, "left.raw"))
    os.unlink(os.path.join(case.folder, "t.trace"))
    run = case.run("record", "-o", "t.trace", "--finish", "left.raw")
    equal(run.returncode, 0, run.stderr)
    verified(case)
    equal(sizes(case), [100005])
    for content in "", "x" * 5000:
        bad = case.run("record", "-o", "no.trace", "--finish", case.file("bad.raw", content))
        assert bad.returncode in (2, 3), bad.stderr
        contains(bad.stderr, "it is no capture")
        assert not os.path.exists(os.path.join(case.folder, "no.trace"))
    return None


def test_a_trace_is_not_given_up_for_an_empty_one(case):
    if missing():
        return missing()
    path = program(case, "int main(int argc, char **argv) { malloc(100005); if (argc > 1) raise(9); return 0; }")
    record(case, path)
    run = record(case, path, "killed", status=3)
    contains(run.stderr, "ended by signal 9", "t.trace stays as it was")
    equal(sizes(case), [100005])
    verified(case)
    equal(sorted(os.listdir(case.folder)), ["prog", "prog.c", "t.trace"])
    return None


def test_only_captures_of_its_own_are_cleared(case):
    if missing():
        return missing()
    others = ["t.trace.1x.raw", "t.trace.2.old.raw", "t.trace.3.raw.raw"]
    for name in others:
        case.file(name, name)
    for name in "t.trace.raw", "t.trace.4.raw":
        case.file(name, "of an earlier recording")
    record(case, program(case, FORKING), options=["--children"])
    for name in others:
        with open(os.path.join(case.folder, name), encoding="utf-8") as file:
            equal(file.read(), name)
    verified(case)
    assert not os.path.exists(os.path.join(case.folder, "t.trace.4.raw"))
    return None


def test_two_recordings_to_one_file_are_not_made_at_once(case):
    if missing():
        return missing()
    path = program(case, r"""int main(int argc, char **argv) {
        void *p = malloc(100005);
        puts("runs");
        fflush(stdout);
        if (argc > 1) getchar();
        return 0;
    }""")
    with subprocess.Popen([BENCH, "record", "-o", "t.trace", "--", path, "wait"], cwd=case.folder, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        equal(first.stdout.readline(), "runs\n")
        second = record(case, path, status=2)
        equal(second.stdout, "")
        contains(second.stderr, "another recording to this file is under way")
        _, said = first.communicate("x\n")
        equal(first.returncode, 0, said)
    equal(sizes(case), [100005])
    verified(case)
    return None


def test_a_signal_to_end_it_is_for_the_program(case):
    if missing():
        return missing()
    path = program(case, r"""
    #include <signal.h>
    static void leave(int number) { _exit(9); }
    int main(void) {
        signal(SIGTERM, leave);
        signal(SIGHUP, leave);
        malloc(100005);
        puts("runs");
        fflush(stdout);
        for (;;) pause();
    }""")
    for number in signal.SIGTERM, signal.SIGHUP:
        with subprocess.Popen([BENCH, "record", "-o", "t.trace", "--", path], cwd=case.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as run:
            equal(run.stdout.readline(), "runs\n")
            run.send_signal(number)
            _, said = run.communicate()
            equal(run.returncode, 0, said)
            contains(said, "ended with status 9")
        equal(sizes(case), [100005])
        verified(case)
    return None


# ---- what is refused -------------------------------------------------------------------------

def test_what_cannot_be_recorded_says_why(case):
    if missing():
        return missing()
    plain = program(case, "int main(void) { return 0; }")
    setuid = os.path.join(case.folder, "setuid")
    shutil.copy(plain, setuid)
    os.chmod(setuid, 0o755 | stat.S_ISUID)
    tried = [([setuid], 2, "setuid"), (["missing-program"], 2, "no such program")]
    static = subprocess.run([CC, "-static", "-o", os.path.join(case.folder, "static"), plain + ".c", "-w", "-fno-builtin"],
                            capture_output=True, check=False)
    if static.returncode == 0:
        tried.append(([os.path.join(case.folder, "static")], 2, "a static program"))
    for words, status, said in tried:
        run = record(case, *words, status=status)
        contains(run.stderr, said)
        assert not [name for name in os.listdir(case.folder) if name.startswith("t.trace")]
    for words, said in ((["--", plain], "give -o FILE"), (["-o", "x"], "which program"),
                        (["-o", "x", "--jsno", plain], "no option"),
                        (["-o", "nowhere/deep/x", "--", plain], "there is no folder"),
                        (["-o", "x", "--finish", "y", "--", plain], "--finish runs no program")):
        run = case.run("record", *words)
        equal(run.returncode, 2, words)
        contains(run.stderr, said)
    return None


def test_without_the_library_it_says_where_it_should_be(case):
    copy = os.path.join(case.folder, "memkit-bench")
    shutil.copy(BENCH, copy)
    run = subprocess.run([copy, "record", "-o", "t.trace", "--", "/bin/true"], cwd=case.folder, capture_output=True, text=True,
                         check=False)
    equal(run.returncode, 6, run.stderr)
    contains(run.stderr, "there is no libmemkit-trace.so beside this program", "../lib", "make")


def test_what_cannot_be_written_is_known_before_the_run(case):
    if missing():
        return missing()
    path = program(case, 'int main(void) { puts("runs"); return 0; }')
    os.mkdir(os.path.join(case.folder, "folder"))
    os.mkfifo(os.path.join(case.folder, "pipe"))
    for out in "folder", "pipe", "/proc/no.trace":
        run = case.run("record", "-o", out, "--", path)
        equal((run.returncode, run.stdout), (2, ""), run.stderr)
        contains(run.stderr, "cannot be written" if out[0] != "/" else "cannot")
    return None


def test_a_folder_that_cannot_be_named_says_so(case):
    if missing():
        return missing()
    for name in "with space", "with:colon":
        folder = os.path.join(case.folder, name)
        os.mkdir(folder)
        shutil.copy(BENCH, folder)
        shutil.copy(LIBRARY, folder)
        run = subprocess.run([os.path.join(folder, "memkit-bench"), "record", "-o", "t.trace", "--", "/bin/true"], cwd=case.folder,
                             capture_output=True, text=True, check=False)
        equal(run.returncode, 6, run.stderr)
        contains(run.stderr, "a space or a colon", name)
        assert not [file for file in os.listdir(case.folder) if file.startswith("t.trace")]
    return None


def test_traces_of_the_two_sorts_are_told_apart(case):
    if missing():
        return missing()
    record(case, program(case, "int main(void) { malloc(1); return 0; }"))
    made = case.run("trace", "import", case.file("u.csv", "op,key\nget,1\n"), "-o", "u.optrace")
    equal(made.returncode, 0, made.stderr)
    contains(case.run("trace", "info", "t.trace").stdout, "of allocations")
    contains(case.run("trace", "info", "u.optrace").stdout, "replays on")
    equal(case.run("trace", "verify", "u.optrace").stdout, "u.optrace: ok\n")
    for words, said in ((["verify", "u.optrace", "--repair", "-o", "x"], "for traces of allocations"),
                        (["verify", "t.trace", "--repair"], "give -o FILE"),
                        (["verify", "t.trace", "-o", "x"], "-o is for verify --repair"),
                        (["info", "--repair", "t.trace"], "--repair is not for info"),
                        (["verify", "--json", "t.trace"], "--json is not for verify")):
        run = case.run("trace", *words)
        equal(run.returncode, 2, words)
        contains(run.stderr, said)
    with open(os.path.join(case.folder, "t.trace"), "r+b") as file:
        file.truncate(os.path.getsize(file.name) - 10)
    run = case.run("trace", "verify", "t.trace")
    equal(run.returncode, 2)
    contains(run.stderr, "t.trace: at byte", "closing record", "--repair")
    equal(case.run("trace", "info", "--partial", "t.trace").returncode, 0)
    return None


if __name__ == "__main__":
    sys.exit(main(globals()))
