"""test_model.py - the model flavour as its users run it: every implementation clean under a fixed number of schedules,
failures found, told, and replayed. SCHEDULES says how many of each oracle (make check-all: more)."""
import os
import shutil
import subprocess
import sys

from bench_case import TOP, Case, contains, equal, main

ROOT = os.environ.get("BUILD_ROOT", os.path.join(TOP, "build"))
MODEL = os.path.join(ROOT, "model", "memkit-bench")
WORKLOADS = os.path.join(TOP, "workloads/stress")
SCHEDULES = os.environ.get("SCHEDULES", "1000")
if not os.access(MODEL, os.X_OK):
    print("ok model # SKIP there is no build of the model flavour (make FLAVOUR=model)")
    sys.exit(0)


def stress(case, *args, **options):
    return subprocess.run([MODEL, "stress", *args], cwd=options.pop("cwd", case.folder), capture_output=True, text=True,
                          check=False, timeout=options.pop("timeout", 3000), **options)


def planted(name):
    return os.path.join(ROOT, "model/tests/planted", name + ".so")


def find(case, name, *more):
    """Hunts a planted bug with a fixed number of schedules. Returns its finding."""
    kind = name.split("_")[0]
    out = os.path.join(case.folder, "found.json")
    seen = stress(case, os.path.join(WORKLOADS, kind + ".json"), "--impl", f"{kind}/{name}", "--plugin", planted(name),
                  "--schedules", "3000", "--stop-at-first", "--quiet", "-o", out, *more)
    equal(seen.returncode, 4, seen.stderr[-500:])
    return case.result("found.json")["findings"][0]


def replay(case, name, token, **options):
    return stress(case, "--replay", token, "--plugin", planted(name), cwd=TOP, **options)


def clean(case, kind):
    out = os.path.join(case.folder, kind + ".json")
    seen = stress(case, os.path.join(WORKLOADS, kind + ".json"), "--schedules", SCHEDULES, "-o", out)
    equal(seen.returncode, 0, seen.stdout[-3000:] + seen.stderr[-500:])
    return case.result(kind + ".json")


def test_maps_are_clean(case):
    made = clean(case, "map")
    tried = {trial["cell"] for trial in made["trials"] if trial.get("trials")}
    assert len(tried) >= 3, made["trials"]


def test_reclaimers_are_clean(case):
    clean(case, "reclaim")


def test_allocators_are_clean(case):
    clean(case, "alloc")


def test_counted_references_are_clean(case):
    clean(case, "refcount")


def test_lists_are_clean(case):
    clean(case, "list")


def test_stacks_are_clean(case):
    clean(case, "stack")


def test_queues_are_clean(case):
    clean(case, "queue")


def test_slots_are_clean(case):
    clean(case, "slots")


def test_what_is_lock_free_goes_on_without_a_thread(case):
    out = os.path.join(case.folder, "f.json")
    seen = stress(case, os.path.join(WORKLOADS, "reclaim.json"), "--freeze", "--oracle", "lock_free", "--schedules",
                  SCHEDULES, "-o", out)
    equal(seen.returncode, 0, seen.stdout[-3000:] + seen.stderr)


def test_a_hunt_of_so_many_schedules_is_the_same_every_time(case):
    counts = []
    for i in range(2):
        out = os.path.join(case.folder, f"{i}.json")
        stress(case, os.path.join(WORKLOADS, "map.json"), "--impl", "map/chain", "--schedules", "300", "-o", out)
        counts.append([[trial["oracle"], trial.get("ops"), trial.get("windows"), trial.get("outcomes")]
                       for trial in case.result(f"{i}.json")["trials"]])
    equal(counts[0], counts[1], "what was tried")
    assert counts[0]


def test_failures_replay_in_fresh_processes(case):
    for name in ("map_frees_at_once", "map_abba", "map_relaxed_publish", "map_store_for_cas", "reclaim_announces_late"):
        finding = find(case, name)
        contains(finding["command"], "stress --replay", finding["token"])
        first, again = (replay(case, name, finding["token"]) for _ in range(2))
        equal(first.returncode, 4, first.stderr)
        equal(first.stdout, again.stdout, "the same schedule in two processes")
        contains(first.stdout, finding["rule"])
        if finding["rule"] in ("model/oracle", "model/leak"):  # their places are in the columns
            continue
        lines = [frame.get("line", 0) for stack in finding["stacks"] for frame in stack["frames"]]
        assert any(lines), f"{name}: no lines: {finding['stacks']}"


def test_reports_show_threads_in_columns(case):
    finding = find(case, "map_relaxed_publish", "--oracle", "map_message_passing")
    equal(finding["rule"], "model/data-race")
    contains(finding["detail"], "thread 0", "thread 1", "map_relaxed_publish.c:", "ecision", "Affected")


def test_a_replay_runs_under_a_debugger(case):
    if not shutil.which("gdb"):
        return "there is no gdb"
    finding = find(case, "map_store_for_cas")
    seen = subprocess.run(["gdb", "-batch", "-nx", "-ex", "run", "-ex", "quit", "--args", MODEL, "stress", "--replay",
                           finding["token"], "--plugin", planted("map_store_for_cas")], cwd=TOP, capture_output=True,
                          text=True, check=False, timeout=200)
    if "ptrace" in seen.stderr or "not permitted" in seen.stderr:
        return "a debugger may not trace here"
    contains(seen.stdout, finding["rule"], "exited with code 04")
    return None


def test_tokens_of_another_build_are_refused(case):
    finding = find(case, "map_store_for_cas")
    words = finding["token"].split(":")
    words[1] = "0" * len(words[1])
    seen = replay(case, "map_store_for_cas", ":".join(words))
    equal(seen.returncode, 2)
    contains(seen.stderr, "000000000000")
    token = finding["token"]
    for bad in ("", "mk1", "nonsense", token[:20], token[:-7], token[:-1], token + "x"):
        seen = replay(case, "map_store_for_cas", bad)
        equal(seen.returncode, 2, f"{bad!r}: {seen.stdout}")
        equal(len(seen.stderr.strip().splitlines()), 1, seen.stderr)


def test_litmus_tests_show_what_each_memory_model_allows(case):
    for memory, neither in (("c11", True), ("tso", True), ("sc", False)):
        seen = stress(case, "litmus_sb_relacq", "--memory", memory, "--schedules", "20000")
        equal(seen.returncode, 0, seen.stderr)
        row = next(line for line in seen.stdout.splitlines() if "neither saw" in line)
        equal(int(row.split()[-2]) > 0, neither, f"{memory}: {row}")


def test_a_search_says_that_it_is_complete(case):
    seen = stress(case, "litmus_sb_seqcst", "--search", "2,1", "--schedules", "100000")
    equal(seen.returncode, 0, seen.stderr)
    contains(seen.stdout, "all of them with up to 2 preemptions and 1 stale read")


def test_orders_that_were_needed_still_are(case):
    """Each witness that was kept fails again, or another one is found in no time."""
    seen = subprocess.run([MODEL, "orders", "--check", os.path.join(TOP, "tests/model/orders.json"), "--schedules", "2000",
                           "--quiet"], cwd=TOP, capture_output=True, text=True, check=False, timeout=600)
    equal(seen.returncode, 0, seen.stdout[-3000:] + seen.stderr[-500:])
    contains(seen.stdout, "needed:")


def test_options_of_this_flavour_explain_themselves(case):
    for words, text in ((["--memory", "x"], "sc, tso or c11"), (["--search", "x"], "--search wants"),
                        (["--search", "9999999999,1"], "--search wants"), (["--search", "2,"], "--search wants"),
                        (["--schedules", "0"], "--schedules wants"), (["--strategy", "x"], "no strategy"),
                        (["--schedules", "5", "--flavour", "tsan"], "not of tsan")):
        seen = stress(case, os.path.join(WORKLOADS, "map.json"), *words)
        equal(seen.returncode, 2, words)
        contains(seen.stderr, text)


def test_another_flavour_finds_this_one(case):
    """What only this flavour knows asks for it, from the release program too."""
    release = Case().run("stress", "litmus_mp_relacq", "--schedules", "1000")
    if "there is no build" in release.stderr:
        return "this build has no model flavour beside it"
    equal(release.returncode, 0, release.stderr)
    contains(release.stdout, "under c11, 100")
    return None


if __name__ == "__main__":
    sys.exit(main(globals()))
