"""test_trace.py - traces of operations as their users meet them: `memkit-bench trace`, and workloads that replay one."""
import json
import os
import shutil
import subprocess
import sys

from bench_case import TOP, contains, equal, main

EXAMPLE = os.path.join(TOP, "docs/examples/lru.c")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-O2", "-pthread"]


def traced(case, csv, name="t"):
    """Imports a trace; returns its path."""
    path = os.path.join(case.folder, name + ".optrace")
    made = case.run("trace", "import", case.file(name + ".csv", csv), "-o", path)
    equal(made.returncode, 0, made.stderr)
    return path


def rows(ops, columns="op,key,thread"):
    return columns + "\n" + "".join(",".join(str(part) for part in op) + "\n" for op in ops)


def workload(kind="map", **changes):
    made = {"schema": "memkit.workload/1", "name": "replayed", "kind": kind, "trace": "t.optrace", "threads": [1],
            "processes": 1, "rounds": 2}
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def replay(case, *options, **changes):
    """Runs a workload; returns its result."""
    run = case.run(case.file("w.json", workload(**changes)), "-o", "r.json", *options)
    equal(run.returncode, 0, run.stderr + run.stdout)
    equal(case.run("validate", "r.json").returncode, 0)
    return case.result()


def refused(case, *said, options=(), **changes):
    """Nothing runs, nothing is written, and all of this is said."""
    run = case.run(case.file("w.json", workload(**changes)), "-o", "refused.json", *options)
    equal(run.returncode, 2, run.stderr + run.stdout)
    contains(run.stderr, *said)
    assert not os.path.exists(os.path.join(case.folder, "refused.json"))


def cell_of(result, identity, threads=1):
    return next(cell for cell in result["cells"] if cell["identity"] == identity and cell["threads"] == threads)


def hits_of(result, cell, round_number=0):
    """Hits and attempts by operation, of all threads of a timed round."""
    timed = [r for r in cell["rounds"] if r["sort"] == "timed" and r["round"] == round_number]
    equal(len(timed), 1)
    found = {}
    for code, name in enumerate(result["ops"]):
        tried = sum(t["attempted"][code] for t in timed[0]["threads"])
        if name and tried:
            found[name] = (sum(t["hits"][code] for t in timed[0]["threads"]), tried)
    return found, timed[0]


# ---- the command -----------------------------------------------------------------------------


def test_info_says_what_is_in_it(case):
    ops = [("put", k, 0) for k in range(50)] + [("get", 7, 1)] * 50 + [("remove", k, 0) for k in range(10)]
    path = traced(case, rows(ops))
    told = case.run("trace", "info", path)
    equal(told.returncode, 0, told.stderr)
    contains(told.stdout, "a whole trace", "110 of 2 threads", "50 different", "replays on    map", "get", "50 put something in, 10 take")
    said = json.loads(case.run("trace", "info", "--json", path).stdout)
    equal((said["operations"], said["keys"], said["whole"], said["dropped"]), (110, 50, True, 0))
    equal(said["ops"]["put"]["count"], 50)
    equal(said["threads"], [60, 50])
    equal(said["kinds"], ["map"])
    equal((said["adds"], said["takes"]), (50, 10))
    # key 7 has 52, the next 9 hottest have 2 each
    equal(round(said["hottest_frac"], 6), round((52 + 9 * 2) / 110, 6))
    validated = case.run("validate", path)
    equal((validated.returncode, validated.stdout), (0, f"{path}: ok\n"))


def test_a_cut_file_is_refused_and_shown_in_part(case):
    path = traced(case, rows([("get", k, 0) for k in range(20)] + [("get", k, 1) for k in range(20)]))
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 60)
    for words in (["trace", "info", path], ["trace", "export", path], ["validate", path]):
        run = case.run(*words)
        equal(run.returncode, 2, words)
        contains(run.stderr, path, "at byte", "--partial")
    part = case.run("trace", "info", "--partial", path)
    equal(part.returncode, 0, part.stderr)
    contains(part.stdout, "what is whole", "20 of 1 thread,", "cut off")
    saved = case.run("trace", "export", "--partial", path)
    equal((saved.returncode, saved.stdout.count("\n")), (0, 21))
    refused(case, "t.optrace", "at byte")


def test_import_and_export_are_each_other_s_reverse(case):
    csv = "op,key,size,thread,time_ns\nget,1,0,0,10\nput,18446744073709551615,64,0,20\nremove,0,0,0,30\n"
    path = traced(case, csv)
    equal(case.run("trace", "export", path).stdout, csv)
    to_file = case.run("trace", "export", path, "-o", "back.csv")
    equal((to_file.returncode, to_file.stdout), (0, ""))
    with open(os.path.join(case.folder, "back.csv"), encoding="utf-8") as back:
        equal(back.read(), csv)
    from_stdin = case.run("trace", "import", "-", "-o", "s.optrace", input=csv)
    equal(from_stdin.returncode, 0, from_stdin.stderr)
    equal(case.run("trace", "export", "s.optrace").stdout, csv)


def test_import_says_what_it_did_and_what_is_wrong(case):
    made = case.run("trace", "import", case.file("u.csv", "op,key\r\nget,user:1\r\nget,\"user:2\"\r\n"), "-o", "u.optrace")
    equal(made.returncode, 0, made.stderr)
    contains(made.stderr, "2 operations of 1 thread", "2 keys are texts: hashed to 64 bits", "no column time_ns")
    bad = case.file("bad.csv", "op,key\nget,1\nfetch,2\n")
    failed = case.run("trace", "import", bad, "-o", "bad.optrace")
    equal(failed.returncode, 2)
    contains(failed.stderr, "bad.csv:3:1: there is no operation \"fetch\"", "trace import --help")
    assert not os.path.exists(os.path.join(case.folder, "bad.optrace"))


def test_bad_usage_is_status_2(case):
    for words, said in (([], "what is to be done"), (["inof", "x"], "not inof"), (["info"], "which file"), (["import", "x"], "-o FILE"),
                        (["info", "x", "-o", "y"], "not for info"), (["import", "--json", "x", "-o", "y"], "--json is not for import"),
                        (["info", "--jsno", "x"], "no option --jsno"), (["info", "a", "b"], "one file at a time"),
                        (["info", "missing"], "No such file"), (["info", "."], "Is a directory"), (["import", "missing", "-o", "x"], "No such file")):
        run = case.run("trace", *words)
        equal(run.returncode, 2, words)
        contains(run.stderr, said)
    equal(case.run("trace", "--help").returncode, 0)


# ---- replay ----------------------------------------------------------------------------------

SMALL = [("get", 5), ("put", 6), ("get", 6), ("get", 5), ("remove", 6), ("get", 6), ("remove", 5), ("put", 5), ("contains", 9)]


def test_a_map_answers_as_it_was_recorded(case):
    traced(case, rows([(op, key, 0) for op, key in SMALL] * 300))
    result = replay(case, impls=["map/mutex", "map/chain"])
    for identity in "map/mutex", "map/chain":
        for number in 0, 1:
            hits, timed = hits_of(result, cell_of(result, identity), number)
            # 5 and 9 were there before; 6 comes and goes
            equal(hits, {"get": (900, 1200), "put": (0, 600), "remove": (600, 600), "contains": (300, 300)})
        cell = cell_of(result, identity)
        equal(cell["verdict"], "pass" if not cell["reasons"] else cell["verdict"])
        equal({c["verdict"] for c in cell["checks"]}, {"pass"})
        first = next(r for r in cell["rounds"] if r["round"] == 0 and r["sort"] == "timed")
        equal(first["count_before"], 2)
        equal(first["count_after"], 2)
        equal(first["expected_hits"][result["ops"].index("get")], 900)
        equal(timed["count_after"], 2)


def test_the_result_says_which_trace(case):
    path = traced(case, rows([("get", k % 10, k % 3) for k in range(900)]))
    result = replay(case, impls=["map/mutex"], threads=[3])
    said = json.loads(case.run("trace", "info", "--json", path).stdout)
    trace = result["points"][0]["traces"][0]
    equal({name: trace[name] for name in ("path", "checksum", "program", "date", "operations", "threads", "keys", "prefilled")},
          {"path": "t.optrace", "checksum": said["checksum"], "program": "memkit-bench trace import", "date": said["date"],
           "operations": 900, "threads": 3, "keys": 10, "prefilled": 10})


def test_recorded_threads_are_dealt_to_lanes(case):
    ops = [("get", k, thread) for k in range(100) for thread in range(3) for _ in range(thread + 1)]
    traced(case, rows(ops))
    result = replay(case, impls=["map/mutex"], threads=[1, 2, 3])
    for threads, wanted in (1, [600]), (2, [400, 200]), (3, [100, 200, 300]):
        timed = hits_of(result, cell_of(result, "map/mutex", threads))[1]
        equal([thread["ops"] for thread in timed["threads"]], wanted, threads)
    refused(case, "4 threads are asked for", "has 3", "record more", impls=["map/mutex"], threads=[4])
    planned = case.run("plan", case.file("a.json", workload(impls=["map/mutex"], threads=None)), "--topology", "core:8 pu:1")
    equal(planned.returncode, 0, planned.stderr)
    contains(planned.stdout, "1 thread on", "2 threads on", "3 threads on", "trace: t.optrace: 600 operations of 3 threads, 100 keys")
    assert "4 threads on" not in planned.stdout, planned.stdout


def test_uneven_threads_all_come_to_their_end(case):
    traced(case, rows([("put", 1, "writer")] + [("get", 1, "reader")] * 50000 + [("remove", 2, "writer")]))
    timed = hits_of(*(lambda r: (r, cell_of(r, "map/mutex", 2)))(replay(case, impls=["map/mutex"], threads=[2])))[1]
    equal([thread["ops"] for thread in timed["threads"]], [2, 50000])


def test_ops_count_ends_a_round_earlier(case):
    traced(case, rows([("get", k, 0) for k in range(500)]))
    result = replay(case, impls=["map/mutex"], ops_count=70)
    equal(hits_of(result, cell_of(result, "map/mutex"))[0], {"get": (70, 70)})
    contains(case.run("plan", "w.json").stdout, "a thread replays 70 of them at most")


def test_a_list_and_its_neighbours(case):
    ops = [("insert", k, 0) for k in range(40)] + [("contains", k, 0) for k in range(20, 60)] + [("remove", k, 0) for k in range(80)]
    traced(case, rows(ops))
    for form in "scrambled", "sequential":
        result = replay(case, kind="list", impls=["list/*"], keys={"form": form})
        hits = hits_of(result, cell_of(result, "list/mutex"))[0]
        equal(hits, {"insert": (0, 40), "contains": (40, 40), "remove": (80, 80)}, form)


def test_a_queue_never_runs_dry_in_the_recorded_order(case):
    ops = [("dequeue", "", 1), ("enqueue", 4, 0), ("dequeue", "", 1), ("dequeue", "", 1), ("enqueue", 5, 0), ("enqueue", 6, 0)] * 200
    traced(case, rows(ops))
    result = replay(case, kind="queue", impls=["queue/mutex"])
    equal(hits_of(result, cell_of(result, "queue/mutex"))[0]["dequeue"], (600, 600))
    equal(result["points"][0]["traces"][0]["prefilled"], 2)
    # what is for one thread that puts in and one that takes out can do this with two threads, filled by one
    two = replay(case, kind="queue", impls=["queue/spsc", "queue/mutex"], threads=[2], prefill={"by": "one"})
    equal(cell_of(two, "queue/spsc", 2).get("skipped"), None)
    equal([t["ops"] for t in hits_of(two, cell_of(two, "queue/spsc", 2))[1]["threads"]], [600, 600])
    mixed = traced(case, rows([("enqueue", 1, t % 2) for t in range(50)] + [("dequeue", "", t % 2) for t in range(50)]))
    assert mixed
    refused(case, "queue/spsc", "one that takes out", kind="queue", impls=["queue/spsc"], threads=[2], prefill={"by": "one"})


def test_a_stack_too(case):
    traced(case, rows([("push", 4, 0), ("pop", "", 0), ("pop", "", 0)] * 100))
    result = replay(case, kind="stack", impls=["stack/mutex"])
    equal(hits_of(result, cell_of(result, "stack/mutex"))[0]["pop"], (200, 200))


def test_small_dense_keys_suit_maps_with_a_limit(case):
    traced(case, rows([("put", 10 ** 15 + 3 * k, 0) for k in range(60)] + [("get", 10 ** 15, 0)]))
    result = replay(case, impls=["map/bitpacked"], keys={"form": "sequential"})
    equal(hits_of(result, cell_of(result, "map/bitpacked"))[0], {"put": (0, 60), "get": (1, 1)})
    refused(case, "map/bitpacked", "takes keys below", impls=["map/bitpacked"])


def test_hits_that_are_the_clock_s_are_not_held_against_anybody(case):
    """One thread inserts, the other looks: how many it finds is no fault of the map. The books still have to add up."""
    ops = [("put", k, 0) for k in range(3000)] + [("contains", k, 1) for k in range(3000)]
    traced(case, rows(ops))
    cell = cell_of(replay(case, impls=["map/mutex"], threads=[2]), "map/mutex", 2)
    assert not [reason for reason in cell["reasons"] if reason["rule"] == "script"], cell["reasons"]
    equal({c["check"]: c["verdict"] for c in cell["checks"]}, {"bookkeeping": "pass", "leak": "pass"})
    assert all(not r["expected_hits"] for r in cell["rounds"])
    # threads with keys of their own are held to every hit
    traced(case, rows([(op, 10 * key + t, t) for op, key in SMALL * 100 for t in (0, 1)]))
    cell = cell_of(replay(case, impls=["map/mutex"], threads=[2]), "map/mutex", 2)
    assert any(r["expected_hits"] for r in cell["rounds"])
    assert not [reason for reason in cell["reasons"] if reason["rule"] == "script"], cell["reasons"]


def test_wrong_answers_have_no_speed(case):
    lies = case.plugin(os.path.join(TOP, "tests/plugins/misbehave.c"))
    traced(case, rows([("put", k, 0) for k in range(500)] + [("get", k, 0) for k in range(500)]))
    run = case.run(case.file("w.json", workload(impls=["map/misbehave[how=miscount]"])), "-o", "r.json", "--plugin", lies)
    equal(run.returncode, 4, run.stdout + run.stderr)
    equal(cell_of(case.result(), "map/misbehave[how=miscount]")["verdict"], "fail")


def test_stress_takes_the_trace_s_mix(case):
    traced(case, rows([("get", k % 7, 0) for k in range(90)] + [("put", k, 0) for k in range(10)]))
    run = case.run("stress", case.file("w.json", workload(impls=["map/mutex"], stress={"oracles": ["history"]})), "--seconds", "0.3",
                   "-o", "s.json")
    equal(run.returncode, 0, run.stdout + run.stderr)


# ---- what is refused before anything runs ------------------------------------------------------


def test_a_missing_file_or_no_trace_is_status_2(case):
    refused(case, "missing.optrace", "No such file", trace="missing.optrace")
    case.file("t.optrace", "op,key\nget,1\n")
    refused(case, "t.optrace", "this is no trace", "trace import")
    checked = case.run("validate", case.file("v.json", workload(threads=None)))
    equal(checked.returncode, 2)
    contains(checked.stderr, "v.json:", "this is no trace")


def test_operations_of_another_kind_are_status_2(case):
    traced(case, rows([("get", 1, 0), ("enqueue", 2, 0), ("enqueue", 2, 0)]))
    refused(case, "t.optrace", "2 operations are \"enqueue\"", "kind map does not have", "trace info", impls=["map/mutex"])
    traced(case, rows([("scan", 1, 0)]))
    refused(case, "map/mutex cannot run this workload: it does not offer scan", impls=["map/mutex"])
    skipped = case.run("plan", case.file("w.json", workload(impls=["map/*"])))
    equal(skipped.returncode, 0, skipped.stderr)
    contains(skipped.stdout, "skipped: does not offer scan")


def test_what_contradicts_the_trace_is_status_2_with_the_place(case):
    traced(case, rows([("get", 1, 0)]))
    for changes, said in (({"ops": {"get": 1}}, '"ops" and "trace" exclude each other'), ({"keys": {"count": 5}}, '"keys.count"'),
                          ({"keys": {"distribution": "zipfian"}}, '"keys.distribution"'), ({"prefill": {"frac": 0.5}}, '"prefill.frac"'),
                          ({"prefill": {"age_ops": 9}}, '"prefill.age_ops"'), ({"groups": [{"name": "a"}]}, '"groups"'),
                          ({"phases": [{"name": "a"}]}, '"phases"'), ({"run_len": 8}, '"run_len"'), ({"round_ms": 9}, '"ops_count" ends it'),
                          ({"instance": "per_thread"}, "was shared"), ({"trace": ""}, "is empty"),
                          ({"kind": "hash"}, '"trace" means nothing for kind hash'), ({"touch": "none"}, '"touch" is for')):
        run = case.run(case.file("w.json", workload(**changes)), "-o", "r.json")
        equal(run.returncode, 2, (changes, run.stderr))
        contains(run.stderr, "w.json:")
        assert any(part in run.stderr for part in said.split("|")), (said, run.stderr)
    refused(case, "--round-ms is not for traces", "ops_count", options=["--round-ms", "5"])
    refused(case, "keys.count", "exclude each other", options=["--set", "keys.count=77"])


def test_the_path_is_relative_to_the_workload_file(case):
    os.mkdir(os.path.join(case.folder, "sub"))
    shutil.move(traced(case, rows([("get", 1, 0)])), os.path.join(case.folder, "sub/t.optrace"))
    case.file("sub/w.json", workload(impls=["map/mutex"]))
    run = case.run("sub/w.json", "-o", "r.json")
    equal(run.returncode, 0, run.stderr)


def test_two_traces_can_be_swept(case):
    traced(case, rows([("get", 1, 0)] * 30), "a")
    traced(case, rows([("put", k, 0) for k in range(20)]), "b")
    result = replay(case, impls=["map/mutex"], trace="a.optrace", sweep={"trace": ["a.optrace", "b.optrace"]})
    equal([p["traces"][0]["operations"] for p in result["points"]], [30, 20])


# ---- the recorder in programs of others --------------------------------------------------------


def test_the_recorder_compiles_everywhere(case):
    os.symlink(os.path.join(TOP, "impl"), os.path.join(case.folder, "memkit"))
    body = """#include <memkit/record.h>
        int main(int argc, char **argv) {
            mk_record_trace *trace = mk_record_open(argc > 1 ? argv[1] : "made.optrace");
            if (!trace) return 1;
            mk_record_map_put(trace, mk_record_key("abc", 3), 64);
            mk_record_op(trace, MK_RECORD_GET, 7, 0);
            return mk_record_close(trace) != 0;
        }\n"""
    tried = 0
    for suffix, compilers in ((".c", ("gcc -std=c11", "clang -std=c11", "gcc -std=gnu17")), (".cc", ("g++ -std=c++17", "clang++ -std=c++17"))):
        source = case.file("made" + suffix, body)
        for compiler in compilers:
            if not shutil.which(compiler.split()[0]):
                continue
            built = subprocess.run([*compiler.split(), *STRICT, "-I", case.folder, source, "-o", os.path.join(case.folder, "made")],
                                   capture_output=True, text=True, check=False)
            equal((built.returncode, built.stderr), (0, ""), compiler)
            equal(subprocess.run([os.path.join(case.folder, "made")], cwd=case.folder, check=False).returncode, 0)
            said = json.loads(case.run("trace", "info", "--json", "made.optrace").stdout)
            equal((said["operations"], said["keys"], said["program"]), (2, 2, "made"))
            tried += 1
    assert tried, "no compiler"


def test_the_example_records_and_its_trace_replays(case):
    os.symlink(os.path.join(TOP, "impl"), os.path.join(case.folder, "memkit"))
    program = os.path.join(case.folder, "lru")
    built = subprocess.run(["gcc", "-std=c11", *STRICT, "-I", case.folder, EXAMPLE, "-o", program], capture_output=True, text=True, check=False)
    equal((built.returncode, built.stderr), (0, ""))
    made = subprocess.run([program, "t.optrace", "3000"], cwd=case.folder, capture_output=True, text=True, check=False)
    equal(made.returncode, 0, made.stderr)
    said = json.loads(case.run("trace", "info", "--json", "t.optrace").stdout)
    equal((len(said["threads"]), said["dropped"], said["kinds"]), (2, 0, ["map"]))
    result = replay(case, impls=["map/mutex", "map/sharded"], threads=[1, 2])
    assert all(check["verdict"] == "pass" for cell in result["cells"] if not cell["floor"] for check in cell["checks"])


def test_the_shipped_trace_is_whole_and_small(case):
    shipped = os.path.join(TOP, "workloads/traces/lru.optrace")
    assert os.path.getsize(shipped) < 200000
    said = json.loads(case.run("trace", "info", "--json", shipped).stdout)
    equal((said["whole"], said["dropped"], len(said["threads"])), (True, 0, 2))
    equal(case.run("plan", os.path.join(TOP, "workloads/map/trace.json")).returncode, 0)


if __name__ == "__main__":
    sys.exit(main(globals()))
