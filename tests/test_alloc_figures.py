#!/usr/bin/python3
"""Figures of allocators beside their speed: resident bytes over live ones, what rounding takes, who shares cache lines with
whom, what stays when blocks are freed, latencies of single calls. Held against an allocator of which all that is known
(plugins/common_line.c), against the C library, and against pages of one's own (alloc/mmap)."""
import csv
import os
import sys

from bench_case import TOP, contains, equal, main

QUICK = ("--processes", "1", "--rounds", "1", "--set", "round_ms=5", "--set", "warmup_ms=2", "--set", "counters=[]", "--set",
         "drain.watch_ms=0")
SHIPPED = {"server-bleeding": {"alloc", "free", "give", "take"}, "batches": {"alloc", "free", "give", "take"},
           "thread-churn": {"alloc", "free"}, "frames": {"alloc", "reset"}, "parse-tree": {"alloc", "reset"},
           "false-sharing": {"alloc", "free", "write"}, "false-sharing-passive": {"alloc", "free", "write", "give", "take"},
           "large-blocks": {"alloc", "free"}}


def workload(**more):
    made = {"schema": "memkit.workload/1", "name": "w", "kind": "alloc", "impls": ["alloc/libc"], "threads": [2],
            "blocks": {"live": 2000, "pattern": "random", "min_bytes": 16, "max_bytes": 16}, "ops": {"pair": 1},
            "latency": {"sample_every_ops": 0}, "drain": {"watch_ms": 0}, "processes": 1, "rounds": 1, "round_ms": 5,
            "warmup_ms": 2}
    made.update(more)
    return made


def common_line(case):
    return case.plugin(os.path.join(TOP, "tests/plugins/common_line.c"))


def memory_of(case, made, *options):
    """{identity: memory sample} of a run, floors left out."""
    run = case.run(case.file("w.json", made), "-o", "r.json", *options)
    equal(run.returncode, 0, run.stderr)
    return {cell["identity"]: cell["memory"][0] for cell in case.result()["cells"] if cell.get("memory") and not cell["floor"]}


def shared(memory):
    return memory["census_shared_blocks"] / memory["census_blocks"]


def check_course(name, memory):
    ops, live, rss = memory["course_ops"], memory["course_live_bytes"], memory["course_rss_bytes"]
    assert len(ops) > 10 and len(ops) == len(live) == len(rss), (name, len(ops), len(live), len(rss))
    equal(ops, sorted(ops), name)
    assert 0 < max(live) <= memory["peak_live_bytes"], (name, max(live), memory["peak_live_bytes"])
    assert max(rss) <= memory["peak_rss_bytes"], (name, max(rss), memory["peak_rss_bytes"])
    # what is live is resident: all pages of it were written to
    assert memory["peak_rss_bytes"] > 0.99 * memory["peak_live_bytes"], (name, memory)
    assert memory["peak_rss_bytes"] < 4 * memory["peak_live_bytes"] + (2 << 20), (name, memory)
    assert 0 < memory["census_bytes"] <= memory["peak_live_bytes"], (name, memory)
    assert memory["census_bytes"] <= memory["census_usable_bytes"] < 3 * memory["census_bytes"], (name, memory)
    assert 0 <= memory["census_shared_blocks"] <= memory["census_blocks"], (name, memory)
    equal((memory["drain_live_bytes"], len(memory["drain_at_ns"]), len(memory["drain_rss_bytes"])), (0, 1, 1), name)
    assert memory["minor_faults"] * 4096 > 0.5 * memory["peak_live_bytes"], (name, memory)


def test_shipped_workloads_have_their_figures(case):
    for name, calls in SHIPPED.items():
        run = case.run(os.path.join(TOP, "workloads/alloc/%s.json" % name), "-o", "r.json", "--impl", "alloc/libc", "--impl",
                       "alloc/thread_local", "--threads", "2", "--set", "latency.sample_every_ops=4", *QUICK)
        equal(run.returncode, 0, run.stderr)
        contains(run.stdout, "peak RSS", "alloc p50")
        cells = [cell for cell in case.result()["cells"] if not cell["floor"]]
        equal([cell["identity"] for cell in cells], ["alloc/libc", "alloc/thread_local"], name)
        for cell in cells:
            assert cell["verdict"] != "fail", (name, cell["reasons"])
            check_course(name, cell["memory"][0])
            seen = {latency["op"] for latency in cell["latencies"] if latency["count"]}
            assert seen <= calls and "alloc" in seen and ("free" in seen or "free" not in calls), (name, seen)


def test_live_bytes_are_exact(case):
    blocks = {"live": 3000, "pattern": "random", "min_bytes": 64, "max_bytes": 64}
    for threads in (1, 2):
        memory = memory_of(case, workload(threads=[threads], blocks=blocks))["alloc/libc"]
        equal((memory["peak_live_bytes"], memory["census_blocks"], memory["census_bytes"]),
              (threads * 3000 * 64, threads * 3000, threads * 3000 * 64))
        equal(memory["elements_churn"], threads * 3000)


def test_who_shares_lines(case):
    plugin = common_line(case)
    impls = ["alloc/common_line", "alloc/common_line[space=64]", "alloc/cache_aligned", "alloc/libc", "alloc/mmap"]
    found = memory_of(case, workload(impls=impls), "--plugin", plugin)
    equal(len(found), len(impls), sorted(found))
    assert shared(found["alloc/common_line"]) > 0.8, found["alloc/common_line"]
    equal(found["alloc/common_line[space=64]"]["census_shared_blocks"], 0)
    equal(found["alloc/cache_aligned"]["census_shared_blocks"], 0)
    equal(found["alloc/mmap"]["census_shared_blocks"], 0)
    # each thread has an arena of its own there, which one thread that plays both would not have
    assert shared(found["alloc/libc"]) < 0.05, found["alloc/libc"]


def test_blocks_that_change_hands_are_shared(case):
    made = workload(impls=["alloc/libc", "alloc/mmap"], ops={"pair": 0.5, "trade": 0.5}, prefill={"age_ops": 20000})
    found = memory_of(case, made)
    assert shared(found["alloc/libc"]) > 0.3, found["alloc/libc"]
    equal(found["alloc/mmap"]["census_shared_blocks"], 0)


def test_one_thread_shares_with_nobody(case):
    memory = memory_of(case, workload(threads=[1]))["alloc/libc"]
    equal(memory["census_shared_blocks"], None)


def test_rounding_is_what_it_is_known_to_be(case):
    plugin = common_line(case)
    for size, rounded, of_libc in ((24, 32, 24), (16, 16, 24), (25, 32, 40), (100, 112, 104)):
        blocks = {"live": 500, "min_bytes": size, "max_bytes": size}
        found = memory_of(case, workload(blocks=blocks, impls=["alloc/common_line", "alloc/libc", "alloc/mmap"]), "--plugin", plugin)
        want = {"alloc/common_line": rounded, "alloc/libc": of_libc, "alloc/mmap": 4096}
        equal({name: memory["census_usable_bytes"] / memory["census_blocks"] for name, memory in found.items()}, want, size)


def test_what_stays_when_blocks_are_freed(case):
    plugin = common_line(case)
    blocks = {"live": 2000, "min_bytes": 1024, "max_bytes": 1024}
    found = memory_of(case, workload(blocks=blocks, impls=["alloc/common_line", "alloc/mmap"]), "--plugin", plugin)
    live = 2 * 2000 * 1024
    keeps, returns = (found[name] for name in ("alloc/common_line", "alloc/mmap"))
    assert live < keeps["peak_rss_bytes"] < 1.2 * live, keeps
    assert keeps["drain_rss_bytes"][-1] > 0.99 * live, keeps
    assert 4 * live < returns["peak_rss_bytes"] < 4.4 * live, returns
    assert returns["drain_rss_bytes"][-1] < 0.1 * live, returns


def test_some_blocks_may_stay(case):
    made = workload(blocks={"live": 2000, "min_bytes": 4096, "max_bytes": 4096}, impls=["alloc/mmap"],
                    drain={"keep": 0.25, "watch_ms": 150})
    memory = memory_of(case, made)["alloc/mmap"]
    live = 2 * 2000 * 4096
    assert 0.2 * live < memory["drain_live_bytes"] < 0.3 * live, memory
    assert 0 <= memory["drain_rss_bytes"][0] - memory["drain_live_bytes"] < 0.05 * live, memory
    at = memory["drain_at_ns"]
    assert len(at) == len(memory["drain_rss_bytes"]) == 3 and at[0] < at[1] < at[2], at
    assert at[1] >= 100_000_000 and at[2] >= 150_000_000, at


def test_memory_of_the_harness_is_no_part_of_it(case):
    """Where blocks are kept track of, and what they change hands through: neither is the allocator's."""
    def before_the_first_block(live, **more):
        blocks = {"live": live, "pattern": "random", "min_bytes": 16, "max_bytes": 16}
        return memory_of(case, workload(blocks=blocks, **more))["alloc/libc"]["course_rss_bytes"][0]
    few = before_the_first_block(100)
    for what, bytes_then in (("slots", before_the_first_block(10000)),
                             ("rings", before_the_first_block(100, ops={"pair": 0.5, "trade": 0.5}))):
        assert bytes_then < few + 16384, (what, few, bytes_then)


def test_the_same_each_time(case):
    made = workload(impls=["alloc/thread_local"], blocks={"live": 2000, "pattern": "random", "min_bytes": 16, "max_bytes": 2048},
                    ops={"pair": 0.5, "trade": 0.5})
    first, second = (memory_of(case, made)["alloc/thread_local"] for _ in range(2))
    for key in ("peak_live_bytes", "census_blocks", "census_bytes", "census_usable_bytes", "census_shared_blocks", "course_ops",
                "course_live_bytes"):
        equal(first[key], second[key], key)


def test_other_kinds_have_none(case):
    made = {"schema": "memkit.workload/1", "name": "w", "kind": "map", "impls": ["map/mutex"], "threads": [1],
            "keys": {"count": 1000}, "ops": {"get": 1}, "processes": 1, "rounds": 1, "round_ms": 5}
    run = case.run(case.file("w.json", made), "-o", "r.json", "--csv", "t.csv")
    equal(run.returncode, 0, run.stderr)
    assert "peak RSS" not in run.stdout, run.stdout
    memory = next(cell["memory"][0] for cell in case.result()["cells"] if not cell["floor"])
    equal((memory["peak_live_bytes"], memory["census_blocks"], memory["course_ops"], memory["drain_rss_bytes"]),
          (None, None, [], []))
    with open(os.path.join(case.folder, "t.csv"), encoding="utf-8", newline="") as table:
        row = next(row for row in csv.DictReader(table) if row["identity"] == "map/mutex")
    equal((row["peak_rss_over_live"], row["alloc_p50_ns"]), ("", ""))


def test_csv_has_them(case):
    made = workload(impls=["alloc/common_line"], blocks={"live": 2000, "min_bytes": 24, "max_bytes": 24},
                    latency={"sample_every_ops": 8})
    run = case.run(case.file("w.json", made), "-o", "r.json", "--csv", "t.csv", "--plugin", common_line(case))
    equal(run.returncode, 0, run.stderr)
    with open(os.path.join(case.folder, "t.csv"), encoding="utf-8", newline="") as table:
        row = next(row for row in csv.DictReader(table) if row["identity"] == "alloc/common_line")
    equal((row["peak_live_bytes"], row["drain_live_bytes"]), ("96000", "0"))
    assert abs(float(row["rounding_waste"]) - 1 / 3) < 1e-9 and 0.3 < float(row["false_sharing_share"]) < 1, row
    assert abs(float(row["peak_rss_over_live"]) - float(row["peak_rss_bytes"]) / 96000) < 1e-6, row
    for call in ("alloc", "free"):
        median, high = float(row[call + "_p50_ns"]), float(row[call + "_p999_ns"])
        assert 0 < median <= float(row[call + "_p99_ns"]) <= high <= float(row[call + "_max_ns"]), row


def test_both_halves_of_an_operation_are_timed(case):
    counts = {}
    for kind, ops, impl in (("alloc", ("alloc", "free"), "alloc/libc"), ("stack", ("push", "pop"), "stack/*")):
        made = {"schema": "memkit.workload/1", "name": "w", "kind": kind, "impls": [impl], "threads": [1], "ops": {"pair": 1},
                "processes": 1, "rounds": 1, "ops_count": 40000, "latency": {"sample_every_ops": 64}}
        run = case.run(case.file("w.json", made), "-o", "r.json")
        equal(run.returncode, 0, run.stderr)
        for cell in case.result()["cells"]:
            counts = {latency["op"]: latency["count"] for latency in cell["latencies"]}
            equal(set(counts), set(ops), cell["identity"])
            assert abs(counts[ops[0]] - counts[ops[1]]) <= 1 and sum(counts.values()) == 40000 // 64, counts


if __name__ == "__main__":
    sys.exit(main(globals()))
