"""test_cli.py - memkit-bench as its users run it: exit statuses, files, signals, workers that die."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from bench_case import BENCH, BUILD, TOP, contains, equal, main

SMALL = ["--processes", "2", "--rounds", "2", "--round-ms", "5", "--threads", "1"]


def workload(**changes):
    """A small map workload; changes replace its keys, None removes one."""
    made = {
        "schema": "memkit.workload/1", "name": "small", "kind": "map", "impls": ["map/*"],
        "threads": [1], "keys": {"count": 2000}, "ops": {"get": 0.8, "put": 0.1, "remove": 0.1},
        "processes": 2, "rounds": 2, "round_ms": 5, "warmup_ms": 1,
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def misbehave(case):
    return case.plugin(os.path.join(TOP, "tests/plugins/misbehave.c"))


def cells_of(result, identity):
    return [cell for cell in result["cells"] if cell["identity"] == identity]


def checks_of(result, identity):
    return {check["check"]: check["verdict"] for cell in cells_of(result, identity) for check in cell["checks"]}


# ---- what a user does first -----------------------------------------------------------------


def test_a_run_prints_a_table_and_keeps_a_result(case):
    path = case.file("w.json", workload())
    run = case.run(path, "-o", "r.json")
    equal(run.returncode, 0, run.stderr)
    contains(run.stdout, "map/mutex", "map/sharded", "Mops/s", "r.json")
    result = case.result()
    equal(result["complete"], True)
    equal(json.loads(result["workload"]) if isinstance(result["workload"], str) else result["workload"], workload())
    for cell in result["cells"]:
        if not cell.get("floor") and not cell["verdict"].startswith("skipped"):
            equal(checks_of(result, cell["identity"])["bookkeeping"], "pass")
    equal(case.run("validate", "r.json").returncode, 0)


def test_the_result_can_go_to_standard_output_alone(case):
    run = case.run(case.file("w.json", workload(impls=["map/mutex"])), "-o", "-")
    equal(run.returncode, 0, run.stderr)
    equal(json.loads(run.stdout)["complete"], True)
    contains(run.stderr, "map/mutex")


def test_without_a_path_the_result_goes_to_results(case):
    run = case.run(case.file("w.json", workload(impls=["map/mutex"])), "--quiet")
    equal(run.returncode, 0, run.stderr)
    made = os.listdir(os.path.join(case.folder, "results"))
    assert len(made) == 1 and made[0].startswith("small-"), made


def test_csv_and_markdown_hold_the_rows(case):
    run = case.run(case.file("w.json", workload()), "-o", "r.json", "--csv", "t.csv", "--markdown", "t.md")
    equal(run.returncode, 0, run.stderr)
    with open(os.path.join(case.folder, "t.csv"), encoding="utf-8") as table:
        contains(table.read(), "map/mutex", "map/sharded")
    with open(os.path.join(case.folder, "t.md"), encoding="utf-8") as table:
        contains(table.read(), "map/mutex", "|")


def test_help_and_version_say_what_there_is(case):
    for words in (["--help"], ["run", "--help"], ["plan", "--help"], ["validate", "--help"], ["list", "--help"],
                  ["merge", "--help"], ["doctor", "--help"], ["--version"]):
        run = case.run(*words)
        equal(run.returncode, 0, words)
        assert len(run.stdout) > 80, words
    equal(case.run().returncode, 2)


# ---- what goes wrong before anything runs ----------------------------------------------------


def test_bad_usage_is_status_2_with_a_suggestion(case):
    path = case.file("w.json", workload())
    for words, said in ((["plam", path], "plan"), ([path, "--thread", "1,x"], "threads"), ([path, "--processes", "-1"], "processes"),
                        ([path, "--imple", "map/*"], "--impl"), ([path, "--pin", "compakt"], "compact"), ([path, "extra"], "extra"),
                        ([path, "--shard", "3/2"], "--shard"), ([path, "--budget", "soon"], "--budget"),
                        ([path, "--set", "keys.cuont=5"], "count"), ([path, "--impl", "map/mutexx"], "map/mutex"[4:]),
                        ([path, "--impl", "map/sharded[shard=2]"], "shards"), ([path, "--counters", "papy"], "papi")):
        run = case.run(*words)
        equal(run.returncode, 2, (words, run.stderr))
        contains(run.stderr, said)
    equal(os.path.exists(os.path.join(case.folder, "results")), False)


def test_a_bad_file_is_said_with_line_and_column(case):
    path = case.file("w.json", json.dumps(workload(), indent=1).replace('"threads"', '"thread"'))
    run = case.run(path)
    equal(run.returncode, 2)
    contains(run.stderr, "w.json:", 'unknown key "thread", did you mean "threads"?')
    equal(os.path.exists(os.path.join(case.folder, "results")), False)


def test_what_is_named_exactly_and_unable_is_status_2(case):
    path = case.file("w.json", workload(kind="alloc", impls=["alloc/arena"], ops={"pair": 1}, keys=None, blocks={"live": 100}))
    run = case.run(path)
    equal(run.returncode, 2, run.stderr)
    contains(run.stderr, "alloc/arena", "all at once")


def test_unsound_pairs_are_status_2_or_skipped_with_that_reason(case):
    why = "walks on from unlinked nodes, which reclaim/hp does not allow"
    wanted = {"kind": "list", "ops": {"contains": 1.0}, "keys": {"count": 100}}
    named = case.run(case.file("named.json", workload(impls=["list/lazy+reclaim/hp"], **wanted)))
    equal(named.returncode, 2, named.stderr)
    contains(named.stderr, why)
    starred = case.run("plan", case.file("starred.json", workload(impls=["list/lazy+reclaim/*"], **wanted)))
    equal(starred.returncode, 0, starred.stderr)
    contains(starred.stdout, why, "list/lazy+reclaim/qsbr")


def test_more_threads_than_there_are_places_for_is_status_2(case):
    path = case.file("w.json", workload(kind="reclaim", impls=["reclaim/*"], ops={"read": 1.0}))
    run = case.run(path, "--threads", "4097")
    equal(run.returncode, 2, run.stderr)
    contains(run.stderr, "from 1 to 4096")


def test_all_skipped_is_status_3(case):
    path = case.file("w.json", workload(impls=["map/*+alloc/arena"], threads=[2]))
    run = case.run(path, "-o", "r.json")
    equal(run.returncode, 3, run.stderr)
    contains(run.stdout, "skipped", "alloc/arena is not for several threads")


def test_required_counters_that_are_not_there_are_status_3(case):
    path = case.file("w.json", workload(counters=["l1d_miss"]))
    run = case.run(path, "--require-counters", "--counters", "sw")
    equal(run.returncode, 3, run.stderr)
    contains(run.stderr, "counters")
    equal(os.path.exists(os.path.join(case.folder, "results")), False)


def test_counters_reach_table_and_result_through_a_scripted_papi(case):
    stub = os.path.join(TOP, BUILD, "tests/stub_papi.so")
    linked = subprocess.run(["ldd", BENCH], capture_output=True, text=True, check=False).stdout
    soname = next((line.split()[0] for line in linked.splitlines() if "libpapi" in line), None)
    if not os.path.exists(stub) or not soname:
        return "built without PAPI or without the stub"
    os.symlink(stub, os.path.join(case.folder, soname))
    path = case.file("w.json", workload(impls=["map/mutex"], counters=["instructions", "l1d_miss", "page_faults"]))
    run = case.run(path, "-o", "r.json", "--counters", "papi", env=dict(os.environ, LD_LIBRARY_PATH=case.folder,
                                                                                      STUB_PAPI_EVENTS="PAPI_TOT_INS=5000,PAPI_L1_DCM=100"))
    equal(run.returncode, 0, run.stderr)
    counters = {}
    for round_ in cells_of(case.result(), "map/mutex")[0]["rounds"]:
        for counter in round_["counters"]:
            if not counter.get("unavailable"):
                counters[counter["name"]] = counter
    equal(counters["instructions"]["backend"], "papi", counters)
    assert counters["instructions"]["value"] > 0
    equal(counters["page_faults"]["backend"], "sw")
    contains(run.stdout, "instructions")
    return None


# ---- workers that die --------------------------------------------------------------------------


def misbehaves(case, how, *more):
    so = misbehave(case)
    path = case.file("w.json", workload(impls=["map/mutex", f"map/misbehave[how={how}]"]))
    return case.run(path, "-o", "r.json", "--plugin", so, *more)


def test_a_crash_costs_one_cell_its_verdict(case):
    run = misbehaves(case, "crash")
    equal(run.returncode, 6, run.stderr)
    contains(run.stderr, "misbehave", "signal 11", "stack of thread")
    result = case.result()
    equal(cells_of(result, "map/misbehave[how=crash]")[0]["verdict"], "fail")
    equal(checks_of(result, "map/mutex")["bookkeeping"], "pass")
    equal(len({round_["process"] for round_ in cells_of(result, "map/mutex")[0]["rounds"]}), 2)
    equal(result["complete"], True)


def test_a_worker_that_exits_is_a_failed_cell(case):
    run = misbehaves(case, "exit")
    equal(run.returncode, 6, run.stderr)
    contains(run.stderr, "status 9")


def test_a_hang_is_ended_with_the_stacks_of_all_threads(case):
    run = misbehaves(case, "hang", "--timeout", "2s")
    equal(run.returncode, 6, run.stderr)
    contains(run.stderr, "no end after 2 s", "stack of thread", "misbehave")
    equal(checks_of(case.result(), "map/mutex")["bookkeeping"], "pass")


def test_wrong_books_have_no_speed(case):
    run = misbehaves(case, "miscount")
    equal(run.returncode, 4, run.stderr)
    cell = cells_of(case.result(), "map/misbehave[how=miscount]")[0]
    equal(cell["verdict"], "fail")
    contains(run.stdout, "fail")


def test_a_leak_is_found_by_the_memory_round(case):
    run = misbehaves(case, "leak")
    equal(run.returncode, 4, run.stderr)
    equal(checks_of(case.result(), "map/misbehave[how=leak]")["leak"], "fail")


def test_a_guard_tells_of_stray_writes(case):
    so = misbehave(case)
    path = case.file("w.json", workload(impls=["map/misbehave[how=stray]+alloc/guard", "map/misbehave+alloc/guard"]))
    run = case.run(path, "-o", "r.json", "--plugin", so)
    equal(run.returncode, 4, run.stderr)
    contains(run.stdout, "written beside or after")
    result = case.result()
    equal(checks_of(result, "map/misbehave[how=stray]+alloc/guard")["strays"], "fail")
    assert "strays" not in checks_of(result, "map/misbehave+alloc/guard")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as children:
        return [int(child) for child in children.read().split()]


def test_a_killed_worker_costs_its_cell_only(case):
    so = misbehave(case)
    path = case.file("w.json", workload(impls=["map/mutex", "map/misbehave[how=hang]"]))
    with subprocess.Popen([BENCH, path, "-o", "r.json", "--plugin", so], cwd=case.folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as bench:
        deadline = time.time() + 60
        killed = False
        while not killed and time.time() < deadline:
            time.sleep(2)  # the cell that hangs is reached within this; whoever is alive then hangs
            for worker in children_of(bench.pid):
                os.kill(worker, signal.SIGKILL)
                killed = True
        _, said = bench.communicate(timeout=60)
        equal(bench.returncode, 6, said)
        contains(said, "signal 9")
    equal(checks_of(case.result(), "map/mutex").get("bookkeeping"), "pass")


# ---- signals, full disks --------------------------------------------------------------------------


def test_an_interrupt_keeps_what_was_measured(case):
    path = case.file("w.json", workload(round_ms=100, processes=20))
    with subprocess.Popen([BENCH, path, "-o", "r.json"], cwd=case.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as bench:
        time.sleep(3)
        bench.send_signal(signal.SIGINT)
        _, said = bench.communicate(timeout=30)
        equal(bench.returncode, 128 + signal.SIGINT, said)
    result = case.result()
    equal(result["complete"], False)
    assert any(cell["rounds"] for cell in result["cells"])
    equal(case.run("validate", "r.json").returncode, 0)


def test_a_place_that_cannot_be_written_is_said(case):
    path = case.file("w.json", workload(impls=["map/mutex"]))
    run = case.run(path, "-o", "/no/such/folder/r.json")
    equal(run.returncode, 2)
    contains(run.stderr, "/no/such/folder")
    run = case.run(path, "-o", "new/r.json", "--quiet")
    equal(run.returncode, 0, run.stderr)
    assert os.path.exists(os.path.join(case.folder, "new/r.json"))


def test_a_full_disk_is_said_and_leaves_the_old_file(case):
    if not os.path.exists("/dev/full"):
        return "no /dev/full"
    run = case.run(case.file("w.json", workload(impls=["map/mutex"])), "-o", "/dev/full")
    assert run.returncode != 0, run.stderr
    return None


# ---- variants of the same run ----------------------------------------------------------------------


def test_shards_join_to_the_whole(case):
    path = case.file("w.json", workload(threads=[1, 2], sweep={"keys.count": [1000, 2000]}))
    parts = []
    for i in (1, 2, 3):
        run = case.run(path, "--shard", f"{i}/3", "-o", f"r{i}.json")
        assert run.returncode in (0, 3), run.stderr
        parts.append(f"r{i}.json")
    run = case.run("merge", *parts, "-o", "all.json")
    equal(run.returncode, 0, run.stderr)
    whole = case.result("all.json")
    equal(whole["complete"], True)
    for cell in whole["cells"]:
        assert cell["rounds"] or cell.get("skipped"), cell["identity"]


def test_in_process_measures_too(case):
    run = case.run(case.file("w.json", workload()), "-o", "r.json", "--in-process")
    equal(run.returncode, 0, run.stderr)
    equal(checks_of(case.result(), "map/sharded")["bookkeeping"], "pass")


def test_every_feature_of_a_phase_runs(case):
    phases = [
        {"name": "load", "ops_count": 2000, "ops": {"insert": 1}},
        {"name": "serve", "groups": [
            {"name": "paced", "threads": 1, "ops": {"get": 1}, "rate_ops": 20000},
            {"name": "thinking", "threads": 1, "ops": {"put": 0.5, "remove": 0.5}, "think_ns": 1000},
            {"name": "short-lived", "threads": 1, "ops": {"get": 1}, "thread_life_ops": 500}]}]
    path = case.file("w.json", workload(ops=None, phases=phases, threads=[3], impls=["map/chain", "map/sharded"]))
    run = case.run(path, "-o", "r.json")
    equal(run.returncode, 0, run.stderr)
    result = case.result()
    for identity in ("map/chain", "map/sharded"):
        equal(checks_of(result, identity)["bookkeeping"], "pass")
        cell = cells_of(result, identity)[0]
        equal({round_["phase"] for round_ in cell["rounds"]}, {0, 1})
        assert any(latency["time"] == "response" for latency in cell["latencies"])


def test_stalled_readers_run_where_there_is_a_section(case):
    groups = [{"name": "stalled", "threads": 1, "ops": {"get": 1}, "stall_ms": 5},
              {"name": "writers", "threads": 1, "ops": {"put": 0.5, "remove": 0.5}}]
    path = case.file("w.json", workload(ops=None, groups=groups, threads=None, impls=["map/*"]))
    run = case.run(path, "-o", "r.json")
    equal(run.returncode, 0, run.stderr)
    result = case.result()
    equal(checks_of(result, "map/chain")["bookkeeping"], "pass")
    contains(cells_of(result, "map/mutex")[0]["skipped"], "read-side section")


def test_what_waits_beside_a_stalled_reader_is_in_the_result(case):
    groups = [{"name": "stalled", "threads": 1, "stall_ms": 8, "stall_pause_ms": 4},
              {"name": "writers", "ops": {"replace": 1}, "rate_ops": 100000}]
    path = case.file("w.json", workload(kind="reclaim", ops=None, groups=groups, threads=[2], impls=["reclaim/*"],
                                        keys={"count": 100}, round_ms=30, processes=1))
    run = case.run(path, "-o", "r.json", "--csv", "t.csv")
    equal(run.returncode, 0, run.stderr)
    contains(run.stdout, "unreclaimed", "unbounded: it grows as long as a reader stands still")
    result = case.result()
    for cell in result["cells"]:
        equal(cell["unbounded"], cell["identity"] in UNBOUNDED_RECLAIMERS, cell["identity"])
        if cell["floor"] or cell["skipped"]:
            continue
        equal(cell["memory"][0]["peak_unreclaimed"], None)  # nobody stands still there
        timed = [round_ for round_ in cell["rounds"] if round_["sort"] == "timed"]
        assert timed, cell["identity"]
        for round_ in timed:
            check_garbage(round_)
    # What is retired while the reader stands can only wait: a hundred a millisecond, eight of them at a time.
    for identity, least in (("reclaim/ebr", 100), ("reclaim/leak", 100), ("reclaim/hp", 0)):
        peaks = [round_["peak_unreclaimed"] for cell in cells_of(result, identity) for round_ in cell["rounds"]]
        assert peaks and max(peaks) > least, (identity, peaks)
    table = {line.split()[0]: line for line in run.stdout.split("\n") if line.startswith("reclaim/")}
    contains(table["reclaim/leak"], "unbounded")
    assert " bounded" in table["reclaim/hp"] and "unbounded" not in table["reclaim/hp"], table["reclaim/hp"]
    with open(os.path.join(case.folder, "t.csv"), encoding="utf-8") as rows:
        heads = rows.readline().rstrip("\n").split(",")
        leak = next(row for row in rows if row.startswith("reclaim/leak,")).split(",")
    equal(leak[heads.index("stalled")] + leak[heads.index("unbounded")], "11")
    equal(int(leak[heads.index("peak_unreclaimed_count")]),
          max(round_["peak_unreclaimed"] for round_ in cells_of(result, "reclaim/leak")[0]["rounds"]
              if round_["peak_unreclaimed"] is not None))


UNBOUNDED_RECLAIMERS = {"reclaim/leak", "reclaim/ebr", "reclaim/qsbr", "reclaim/ck_epoch", "reclaim/urcu_memb",
                        "reclaim/urcu_qsbr"}


def check_garbage(round_):
    """One series, in order of time, below the peak; stretches one after the other and within the round."""
    equal(len(round_["garbage"]), 1)
    seen = round_["garbage"][0]
    assert seen["nodes"] and len(seen["nodes"]) == len(seen["at_ns"]) == len(seen["bytes"]), seen
    equal(seen["at_ns"], sorted(seen["at_ns"]))
    assert round_["peak_unreclaimed"] > 0 and round_["peak_unreclaimed_bytes"] > round_["peak_unreclaimed"], round_
    node = {have // count for have, count in zip(seen["bytes"], seen["nodes"]) if count}
    assert len(node) <= 1, f"nodes of {node} bytes"
    spans = list(zip(seen["stall_begin_ns"], seen["stall_end_ns"]))
    assert spans and len(spans) == len(seen["stall_end_ns"]), seen
    edges = [edge for span in spans for edge in span]
    equal(edges, sorted(edges))
    assert edges[0] >= 4_000_000, "it stands outside first"


def test_allocators_hand_blocks_over(case):
    groups = [{"name": "producers", "threads": 1, "ops": {"give": 1}}, {"name": "consumers", "threads": 1, "ops": {"take": 1}}]
    path = case.file("w.json", workload(kind="alloc", impls=["alloc/*"], ops=None, keys=None, groups=groups, threads=None,
                                        blocks={"live": 100, "min_bytes": 16, "max_bytes": 128}))
    run = case.run(path, "-o", "r.json")
    equal(run.returncode, 0, run.stderr)
    cell = cells_of(case.result(), "alloc/libc")[0]
    giver, taker = cell["rounds"][0]["threads"]
    assert giver["ops"] and taker["ops"], "nothing was handed over"


def test_the_plan_names_every_cell_and_runs_nothing(case):
    path = case.file("w.json", workload(threads="auto"))
    run = case.run("plan", path, "--topology", "pack:2 core:4 pu:2")
    equal(run.returncode, 0, run.stderr)
    contains(run.stdout, "32 threads", "oversubscribed", "map/mutex", "expected")
    equal(os.listdir(case.folder), ["w.json"])
    equal(json.loads(case.run("plan", path, "--json").stdout)["kind"], "map")


def test_another_flavour_runs_in_its_workers_or_says_how_to_build_it(case):
    path = case.file("w.json", workload(impls=["map/mutex"]))
    run = case.run(path, "-o", "r.json", "--flavour", "nosuch")
    equal(run.returncode, 6)
    contains(run.stderr, "make FLAVOUR=nosuch")
    if not os.path.exists(os.path.join(TOP, "build/asan/memkit-bench")):
        return "no asan build"
    run = case.run(path, "-o", "r.json", "--flavour", "asan")
    equal(run.returncode, 0, run.stderr)
    equal(cells_of(case.result(), "map/mutex")[0]["verdict"], "untrustworthy")
    equal(case.result()["context"]["flavour"], "asan")
    return None


def test_taskset_is_honoured(case):
    if not shutil.which("taskset"):
        return "no taskset"
    path = case.file("w.json", workload(impls=["map/mutex"], threads="auto"))
    run = subprocess.run(["taskset", "-c", "0", BENCH, "plan", path], cwd=case.folder, capture_output=True, text=True, check=False)
    equal(run.returncode, 0, run.stderr)
    contains(run.stdout, "1 thread on PU 0", "2 threads (oversubscribed) on PU 0 0")
    return None


if __name__ == "__main__":
    sys.exit(main(globals()))
