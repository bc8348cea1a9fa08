"""test_replay_alloc.py - traces of allocations replayed by a workload: what is asked of the allocator is what the trace
has, thread by thread; whoever frees another thread's block waits for it, and for nothing else."""
import json
import os
import re
import struct
import subprocess

from bench_case import BUILD, TOP, contains, equal, main

MASK = (1 << 64) - 1
START, EXIT, MALLOC, CALLOC, ALIGNED, FREE, REALLOC, MOVED, FAILED = range(9)
TRACES = os.path.join(TOP, "workloads/traces")


def checksum(data, seed=0):
    """As docs/reference-optrace.md has it."""
    state = seed ^ ((len(data) + 1) * 0x9e3779b97f4a7c15 & MASK)
    for at in range(0, len(data) // 8 * 8 + 8, 8):
        state = (state ^ int.from_bytes(data[at:at + 8], "little")) * 0x9fb21c651e98df25 & MASK
        state ^= state >> 32
    return state


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class Trace:
    """Events in the order of all; objects have names, and the bytes are those of memkit.trace/1."""

    def __init__(self):
        self.events = []  # thread, code, taken name, given name, size, log2 of the alignment
        self.flags = 0
        self.unmatched = 0

    def add(self, thread, code, taken=None, given=None, size=0, align=0):
        self.events.append((thread, code, taken, given, size, align))

    def malloc(self, thread, name, size):
        self.add(thread, MALLOC, None, name, size)

    def free(self, thread, name):
        self.add(thread, FREE, name)

    def sizes(self):
        """By thread: what it asks for, in its order."""
        out = {}
        for thread, code, _, _, size, _ in self.events:
            if MALLOC <= code <= MOVED and code != FREE:
                out.setdefault(thread, []).append(max(size, 1))
        return out

    def whole(self):
        """The events with starts and ends."""
        begun, ended, out = set(), set(), []
        for event in self.events:
            if event[0] not in begun and event[1] != START:
                out.append((event[0], START, None, None, 0, 0))
            begun.add(event[0])
            if event[1] == EXIT:
                ended.add(event[0])
            out.append(event)
        return out + [(t, EXIT, None, None, 0, 0) for t in sorted(begun - ended)]

    def bytes(self):
        events, spare, slots, blocks = self.whole(), {}, {}, {}
        maker = {event[3]: event[0] for event in events if event[3] is not None}
        crossing = {event[2] for event in events if event[2] is not None and maker[event[2]] != event[0]}
        place = {name: i for i, name in enumerate(event[3] for event in events if event[3] in crossing)}
        numbered = len(place)
        for order, (thread, code, taken, given, size, align) in enumerate(events):
            block = blocks.setdefault(thread, [order, order, 0, bytearray()])
            gap = order - block[1] - 1 if block[2] else 0
            out = bytes([code | (0x10 if taken in crossing else 0) | (0x20 if given in crossing else 0) | (0x40 if gap else 0)])
            out += number(gap) if gap else b""
            if taken is not None:
                out += number(place[taken])
                if taken not in crossing:
                    spare.setdefault(thread, []).append(place[taken])
            if given is not None:
                if given not in crossing and spare.get(thread):
                    place[given] = spare[thread].pop()
                elif given not in crossing:
                    place[given] = slots[thread] = slots.get(thread, -1) + 1
                out += number(place[given])
            out += bytes([align]) if code == ALIGNED else b""
            out += number(size) if code >= MALLOC and code != FREE else b""
            block[1], block[2], block[3] = order, block[2] + 1, block[3] + out
        text = b"program: test\ncommand: test one two\ndate: 2026-01-01T00:00:00Z\n"
        head = b"memkit.trace/1\0\0" + struct.pack("<II", len(text), 0)
        made = head + struct.pack("<Q", checksum(text, checksum(head))) + text
        for thread, (first, last, n, data) in sorted(blocks.items()):
            assert len(data) <= 65536
            head = b"KBLK" + struct.pack("<IIIQQQ", thread, n, len(data), first, last, 0)
            made += head + struct.pack("<Q", checksum(bytes(data), checksum(head))) + bytes(data)
        end = b"KEND" + struct.pack("<IQQQQQQQII", len(blocks), len(events), len(blocks), numbered, 0, self.unmatched, 0, 0,
                                    self.flags, 0)
        return made + end + struct.pack("<Q", checksum(end))

    def write(self, case, name="t.trace"):
        with open(os.path.join(case.folder, name), "wb") as out:
            out.write(self.bytes())
        return self


def workload(**changes):
    made = {"schema": "memkit.workload/1", "name": "replayed", "kind": "alloc", "trace": "t.trace", "impls": ["alloc/libc"],
            "processes": 1, "rounds": 2, "latency": {"sample_every_ops": 3}}
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def replay(case, *options, before=(), **changes):
    """Runs a workload; returns its result."""
    path = case.file("w.json", workload(**changes))
    run = (case.run(path, "-o", "r.json", *options) if not before else
           subprocess.run([*before, os.path.join(TOP, BUILD, "memkit-bench"), path, "-o", "r.json", *options], cwd=case.folder,
                          capture_output=True, text=True, check=False, timeout=200))
    equal(run.returncode, 0, run.stderr + run.stdout)
    equal(case.run("validate", "r.json").returncode, 0)
    return case.result()


def refused(case, *said, options=(), **changes):
    run = case.run(case.file("w.json", workload(**changes)), "-o", "refused.json", *options)
    equal(run.returncode, 2, run.stderr + run.stdout)
    contains(run.stderr, *said)
    assert not os.path.exists(os.path.join(case.folder, "refused.json"))


def check_all(result, events):
    """Every round has carried out every event, and the pass that looks at everything has found nothing."""
    for cell in result["cells"]:
        if cell["skipped"]:
            continue
        checks = [check for check in cell["checks"] if check["check"] == "replay"]
        equal([check["verdict"] for check in checks], ["pass"] * len(checks), (cell["identity"], checks))
        equal(len(checks), len(cell["rounds"]) + 1, cell["identity"])
        contains(checks[-1]["detail"], f"{events} events")
        for one in cell["rounds"]:
            equal(sum(sum(thread["attempted"]) for thread in one["threads"]), events, cell["identity"])
            equal(sum(sum(thread["hits"]) for thread in one["threads"]), events, cell["identity"])
        equal([c for c in cell["checks"] if c["verdict"] == "fail"], [])


def mixed():
    """Two threads, each of which frees and resizes what the other has allocated; and everything else there is."""
    trace = Trace()
    for i in range(400):
        trace.malloc(0, f"a{i}", 1 + i * 7 % 3000)
        trace.add(1, CALLOC, None, f"b{i}", 1 + i)
        trace.free(1, f"a{i}")
        trace.add(0, REALLOC, f"b{i}", f"c{i}", 3 * i)
        trace.add(0, ALIGNED, None, f"d{i}", 100 + i, 4 + i % 9)
        trace.add(0, MOVED, f"d{i}", f"e{i}", 5 * i)
        if i % 3:
            trace.free(0, f"c{i}")
        if i % 5:
            trace.free(1 if i % 2 else 0, f"e{i}")
    trace.malloc(1, "large", 3 << 20)
    trace.add(0, FAILED, None, None, MASK)
    return trace


def events_of(trace):
    return sum(MALLOC <= event[1] <= MOVED for event in trace.events)


LOGGING = r"""
/* An allocator that writes down what is asked of it: by thread, in the order in which it is asked. */
#include <memkit/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ROOM 65536
struct line { char what; size_t bytes; };
struct mk_alloc { uint32_t threads; uint32_t *n; struct line (*at)[ROOM]; };
static void note(struct mk_alloc *log, struct mk_thread *me, char what, size_t bytes) {
    if (me && log->n[me->id] < ROOM) log->at[me->id][log->n[me->id]++] = (struct line){what, bytes};
}
static int logging_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_alloc *log = calloc(1, sizeof *log);
    (void)parent, (void)err;
    log->threads = cfg->threads_max;
    log->n = calloc(log->threads, sizeof *log->n);
    log->at = calloc(log->threads, sizeof *log->at);
    *out = log;
    return 0;
}
static void logging_destroy(struct mk_alloc *log) {
    FILE *file = fopen(getenv("LOGGING"), "a");
    for (uint32_t t = 0; file && t < log->threads; t++) {
        fprintf(file, "thread %u\n", t);
        for (uint32_t i = 0; i < log->n[t]; i++) fprintf(file, "%c %zu\n", log->at[t][i].what, log->at[t][i].bytes);
    }
    if (file) fprintf(file, "end\n"), fclose(file);
    free(log->n), free(log->at), free(log);
}
static int logging_enter(struct mk_alloc *log, struct mk_thread *me) { note(log, me, '+', 0); return 0; }
static void logging_exit(struct mk_alloc *log, struct mk_thread *me) { note(log, me, '-', 0); }
static void *logging_alloc(struct mk_alloc *log, struct mk_thread *me, size_t bytes, size_t align) {
    void *block = NULL;
    note(log, me, 'a', bytes);
    return posix_memalign(&block, align < 8 ? 8 : align, bytes) ? NULL : block;
}
static enum mk_status logging_free(struct mk_alloc *log, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    note(log, me, 'f', bytes);
    (void)align;
    free(block);
    return MK_HIT;
}
static void *logging_resize(struct mk_alloc *log, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                            size_t bytes, size_t align) {
    void *moved = NULL;
    (void)old_align;
    note(log, me, 'r', bytes);
    if (posix_memalign(&moved, align < 8 ? 8 : align, bytes)) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    free(block);
    return moved;
}
MK_ALLOC(logging, .summary = "writes down what is asked of it", .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .create = logging_create, .destroy = logging_destroy,
         .thread_enter = logging_enter, .thread_exit = logging_exit, .alloc = logging_alloc, .free = logging_free,
         .resize = logging_resize);
"""


def logged(case, **changes):
    """Replays on the allocator above. Returns, by instance and thread of the run, what was asked of it."""
    log = os.path.join(case.folder, "log")
    os.environ["LOGGING"] = log
    try:
        replay(case, "--plugin", case.plugin(case.file("logging.c", LOGGING)), impls=["alloc/logging"], **changes)
    finally:
        del os.environ["LOGGING"]
    with open(log, encoding="ascii") as file:
        instances = file.read().split("end\n")[:-1]
    return [[[(line[0], int(line[2:])) for line in thread.split("\n")[1:] if line] for thread in one.split("thread ")[1:]]
            for one in instances]


# ---- what is carried out --------------------------------------------------------------------------


def test_every_allocator_that_can_does_all_of_it(case):
    trace = mixed().write(case)
    result = replay(case, impls=["alloc/*", "alloc/tracing", "alloc/guard(alloc/thread_local)"])
    check_all(result, events_of(trace))
    ran = {cell["identity"] for cell in result["cells"] if not cell["skipped"]}
    assert {"alloc/libc", "alloc/thread_local", "alloc/null", "alloc/tracing", "alloc/guard(alloc/thread_local)"} <= ran, ran
    said = result["points"][0]["traces"][0]
    equal({name: said[name] for name in ("path", "command", "operations", "threads", "lanes", "left_out", "crossing")},
          {"path": "t.trace", "command": "test one two", "operations": events_of(trace), "threads": 2, "lanes": 2, "left_out": 1,
           "crossing": 400 + 400 + len([i for i in range(400) if i % 5 and i % 2])})
    assert said["peak_bytes"] >= 3 << 20 and said["checksum"] == info_of(case)["checksum"]
    libc = next(cell for cell in result["cells"] if cell["identity"] == "alloc/libc")
    equal(libc["memory"][0]["peak_live_bytes"] >= 3 << 20, True)


def info_of(case, name="t.trace"):
    run = case.run("trace", "info", "--json", name)
    equal(run.returncode, 0, run.stderr)
    return json.loads(run.stdout)


def test_each_thread_asks_for_the_sizes_that_the_trace_has(case):
    trace = mixed().write(case)
    for instance in logged(case):
        equal(len(instance), 2)
        for thread, lines in enumerate(instance):
            asked = [bytes for what, bytes in lines if what in "ar"]
            equal(asked, trace.sizes()[thread], thread)
        frees = sum(what == "f" for lines in instance for what, _ in lines)
        equal(frees, sum(what == "a" for lines in instance for what, _ in lines), "all is given back at the end")


def test_threads_that_come_and_go_are_threads(case):
    trace = Trace()
    trace.malloc(0, "kept", 10)
    for t in range(1, 41):
        for i in range(5):
            trace.malloc(t, f"{t}.{i}", 100 * t + i)
        trace.add(t, EXIT)
        for i in range(5):
            trace.free(0 if t % 2 else t + 1 if t < 40 else 0, f"{t}.{i}")
    trace.write(case)
    result = replay(case, impls=["alloc/libc", "alloc/thread_local"])
    check_all(result, events_of(trace))
    equal(result["points"][0]["traces"][0]["threads"], 41)
    lanes = result["points"][0]["traces"][0]["lanes"]
    assert 2 <= lanes <= 3, lanes
    for instance in logged(case):
        equal(len(instance), lanes)
        lives = []
        for lines in instance:
            text = "".join(what if what in "+-" else "." if what in "ar" else "" for what, _ in lines)
            assert text[0] == "+" and text[-1] == "-" and "++" not in text and "--" not in text, text
            sizes = iter([bytes for what, bytes in lines if what in "ar"])
            lives += [[next(sizes) for _ in life] for life in text.replace("+", "").split("-") if life]
        equal(sorted(lives), sorted(trace.sizes().values()))


def test_threads_wait_for_each_other_on_one_pu(case):
    trace = Trace()
    for i in range(1500):  # round and round, and back the other way
        trace.malloc(i % 4, f"x{i}", 10 + i % 500)
        trace.free((i + 1) % 4 if i % 7 else (i + 3) % 4, f"x{i}")
    trace.write(case)
    pu = sorted(os.sched_getaffinity(0))[0]
    result = replay(case, "--pin", "none", before=["taskset", "-c", str(pu)], impls=["alloc/thread_local"])
    check_all(result, events_of(trace))


def test_ops_count_ends_it_earlier_and_nobody_waits(case):
    trace = mixed().write(case)
    result = replay(case, ops_count=301)
    for one in next(cell for cell in result["cells"] if cell["identity"] == "alloc/libc")["rounds"]:
        done = [sum(thread["hits"]) for thread in one["threads"]]
        assert max(done) == 301 and min(done) > 50, done
    check_all(result, sum(done))
    contains(case.run("plan", "w.json").stdout, "more than 301 of them (ops_count)", f"{events_of(trace)} events of 2 threads")


def test_what_has_no_memory_keeps_nobody_waiting(case):
    mixed().write(case)
    for impl in ("alloc/failing[nth=50,every=0](alloc/libc)", "alloc/failing[nth=50,every=1](alloc/libc)"):
        run = case.run(case.file("w.json", workload(impls=[impl])), "-o", "r.json")
        assert run.returncode in (0, 1, 3), run.stderr + run.stdout
        cell = next(cell for cell in case.result()["cells"] if cell["identity"].startswith("alloc/failing"))
        checks = [check for check in cell["checks"] if check["check"] == "replay"]
        equal({check["verdict"] for check in checks}, {"unchecked"})
        contains(checks[0]["detail"], "had no memory")
        assert "hang" not in [check["check"] for check in cell["checks"]]


def test_touch_decides_what_is_written(case):
    trace = Trace()
    trace.malloc(0, "a", 40 << 20)
    trace.free(0, "a")
    trace.write(case)
    faults = {}
    for touch in ("none", "first", "pages", "lines"):
        result = replay(case, touch=touch, latency={"sample_every_ops": 0})
        cell = next(cell for cell in result["cells"] if cell["identity"] == "alloc/libc")
        faults[touch] = cell["rounds"][0]["threads"][0]["minor_faults"]
    assert min(faults["pages"], faults["lines"]) > max(faults["none"], faults["first"]) + 15, faults  # pages may be huge ones


# ---- what is refused ------------------------------------------------------------------------------


def test_allocators_that_cannot_are_skipped_with_the_reason(case):
    trace = Trace()
    trace.malloc(0, "a", 64)
    trace.free(0, "a")
    trace.write(case)
    plan = case.run("plan", case.file("w.json", workload(impls=["alloc/*"]))).stdout
    for name, why in (("pool", "serves blocks of one size"), ("slab", "serves blocks of one size"), ("arena", "only all at once")):
        contains(next(line for line in plan.splitlines() if f"alloc/{name} " in line), why)
    refused(case, "alloc/pool cannot run this workload", "one size, the trace has many", impls=["alloc/pool"])
    mixed().write(case)
    refused(case, "alloc/pool cannot run this workload", "several threads", impls=["alloc/pool"])


def test_another_number_of_threads_is_status_2(case):
    mixed().write(case)
    refused(case, "3 threads are asked for", "t.trace", "there are 2", 'leave out "threads"', threads=[3])
    refused(case, "1 threads are asked for", options=["--threads", "1"])
    check_all(replay(case, threads=[2]), events_of(mixed()))


def test_what_contradicts_the_trace_is_status_2_with_the_place(case):
    mixed().write(case)
    for changes, said in (({"ops": {"pair": 1}}, '"ops" and "trace" exclude each other'), ({"blocks": {"live": 5}}, '"blocks" and "trace"'),
                          ({"instance": "per_thread"}, "was shared"), ({"rate_ops": 100}, '"rate_ops" and "trace"'),
                          ({"touch": "all"}, '"touch"'), ({"touch": "none", "trace": None}, '"touch" is for a "trace"'),
                          ({"groups": [{"name": "a"}]}, '"groups"'), ({"trace": ""}, "is empty")):
        run = case.run(case.file("w.json", workload(**changes)), "-o", "r.json")
        equal(run.returncode, 2, (changes, run.stderr))
        contains(run.stderr, "w.json:", said)


def test_traces_of_the_other_sort_say_so(case):
    mixed().write(case)
    refused(case, "t.trace is of allocations (memkit.trace/1), which kind alloc replays", kind="map", impls=["map/mutex"])
    made = case.run("trace", "import", case.file("t.csv", "op,key,thread\nget,1,0\n"), "-o", "t.optrace")
    equal(made.returncode, 0, made.stderr)
    refused(case, "t.optrace is of operations on maps", "memkit-bench record", trace="t.optrace")
    refused(case, "none.trace", "No such file", trace="none.trace")
    refused(case, "w.json", "no trace of allocations", trace="w.json")
    run = case.run("validate", case.file("w.json", workload(trace="t.optrace")))
    equal(run.returncode, 2)
    contains(run.stderr + run.stdout, "w.json:", "t.optrace is of operations")


def test_damage_is_status_2_with_the_file(case):
    whole = mixed().bytes()
    for cut in (0, 10, 40, 200, len(whole) // 2, len(whole) - 1):
        with open(os.path.join(case.folder, "t.trace"), "wb") as out:
            out.write(whole[:cut])
        refused(case, "t.trace: at byte")
    for at in range(0, len(whole), 97):
        with open(os.path.join(case.folder, "t.trace"), "wb") as out:
            out.write(whole[:at] + bytes([whole[at] ^ 0x21]) + whole[at + 1:])
        run = case.run("plan", case.file("w.json", workload()))
        equal(run.returncode, 2, at)
        contains(run.stderr, "t.trace")


def test_what_never_was_is_status_2_with_the_event(case):
    trace = Trace()
    trace.malloc(0, "a", 10)
    trace.free(1, "b")
    trace.malloc(0, "b", 20)
    trace.free(1, "a")
    trace.write(case)
    refused(case, "trace t.trace", "thread 1, event 3 of all", "has not been allocated")
    trace.events[1], trace.events[2] = trace.events[2], trace.events[1]
    trace.free(1, "b")
    trace.write(case)
    refused(case, "trace t.trace", "has been freed before")


def test_a_trace_that_is_not_whole_is_refused_unless_repaired(case):
    trace = mixed()
    trace.unmatched = 3
    trace.write(case)
    refused(case, "t.trace is not whole", "3 frees match no allocation", "--repair")
    made = case.run("trace", "verify", "--repair", "-o", "whole.trace", "t.trace")
    equal(made.returncode, 0, made.stderr)
    check_all(replay(case, trace="whole.trace"), events_of(trace))


def test_an_empty_trace_is_status_2(case):
    trace = Trace()
    trace.add(0, START)
    trace.write(case)
    refused(case, "t.trace holds no allocations")


# ---- those that come with it ----------------------------------------------------------------------


def test_the_shipped_traces_are_whole_and_small_and_say_how_they_were_made(case):
    names = sorted(name for name in os.listdir(TRACES) if name.endswith(".trace"))
    equal(names, ["cc1.trace", "python.trace", "redis.trace", "sqlite.trace"])
    with open(os.path.join(TRACES, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    total, crossing = 0, 0
    for name in names:
        path = os.path.join(TRACES, name)
        total += os.path.getsize(path)
        equal(case.run("trace", "verify", path).returncode, 0, name)
        info = info_of(case, path)
        contains(readme, name)
        crossing += info["crossing"]["objects"] if isinstance(info.get("crossing"), dict) else 0
        with open(path, "rb") as file:
            head = file.read(4096)
        roots = {root.decode() for root in re.findall(rb"[ =:](/[a-z]+)/", head[:head.index(b"KBLK")])}
        assert roots <= {"/usr", "/lib"}, (name, roots)
    assert total < 4 << 20, total


def test_the_shipped_workload_replays_them(case):
    run = case.run(os.path.join(TOP, "workloads/alloc/replay.json"), "--processes", "1", "--rounds", "1", "--impl", "alloc/thread_local",
                   "--set", "latency.sample_every_ops=0", "-o", "r.json")
    equal(run.returncode, 0, run.stderr)
    result = case.result()
    equal([point["traces"][0]["lanes"] for point in result["points"]], [1, 1, 1, 3])
    for cell in result["cells"]:
        equal([check["verdict"] for check in cell["checks"] if check["check"] == "replay"], ["pass", "pass"], cell["identity"])


if __name__ == "__main__":
    raise SystemExit(main(globals()))
