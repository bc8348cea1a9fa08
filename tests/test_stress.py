"""test_stress.py - `memkit-bench stress` as its users run it: what it finds, what it says, what it leaves behind."""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

from bench_case import BENCH, TOP, contains, equal, main

WORKLOADS = os.path.join(TOP, "workloads/stress")
DEADLY = """/* deadly.c - a map that does what parameter `how` says, once its fiftieth get comes. */
#include <memkit/map.h>
#include <pthread.h>

enum how { GOOD, CRASH, DEADLOCK, LIVELOCK, FORGETS };

struct mk_map {
    struct mk_mem *mem;
    pthread_mutex_t lock;
    uint64_t how, gets, count, key[64];
    mk_value value[64];
};

static int deadly_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 16);
    if (!map) return mk_fail(err, "no memory");
    pthread_mutex_init(&map->lock, NULL);
    map->mem = mem;
    map->how = cfg->params[0];
    *out = map;
    return 0;
}

static void deadly_destroy(struct mk_map *map) {
    mk_mem_free(map->mem, NULL, map, sizeof *map, 16);
}

static uint64_t deadly_count(struct mk_map *map) {
    return map->count;
}

static void deadly_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < map->count; i++) visit(arg, map->key[i], map->value[i].word[0]);
}

static uint64_t find(struct mk_map *map, uint64_t key) {
    uint64_t i = 0;
    while (i < map->count && map->key[i] != key) i++;
    return i;
}

static bool deadly_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    if (++map->gets == 50) {
        if (map->how == CRASH) *(volatile int *)8 = 1;
        if (map->how == DEADLOCK) pthread_mutex_lock(&map->lock);
        while (map->how == LIVELOCK && *(volatile uint64_t *)&map->gets) {
        }
    }
    uint64_t at = find(map, key);
    bool found = at < map->count && !(map->how == FORGETS && map->gets % 50 == 0);
    if (found) *value = map->value[at];
    pthread_mutex_unlock(&map->lock);
    return found;
}

static enum mk_status deadly_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    uint64_t at = find(map, key);
    enum mk_status status = at < map->count ? MK_HIT : at < 64 ? MK_MISS : MK_NO_MEMORY;
    if (status == MK_HIT) *previous = map->value[at];
    if (status != MK_NO_MEMORY) {
        map->key[at] = key;
        map->value[at] = *value;
        map->count += status == MK_MISS;
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

static enum mk_status deadly_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    uint64_t at = find(map, key);
    bool found = at < map->count;
    if (found) {
        *value = map->value[at];
        map->count--;
        map->key[at] = map->key[map->count];
        map->value[at] = map->value[map->count];
    }
    pthread_mutex_unlock(&map->lock);
    return found ? MK_HIT : MK_MISS;
}

static const struct mk_param deadly_params[] = {
    {"how", MK_PARAM_CHOICE, "good", 0, 0, "good|crash|deadlock|livelock|forgets", "what it does"},
    {NULL, MK_PARAM_NUMBER, NULL, 0, 0, NULL, NULL}};

MK_MAP(deadly, .summary = "for tests", .caps = MK_CONCURRENT, .params = deadly_params, .create = deadly_create,
       .destroy = deadly_destroy, .count = deadly_count, .walk = deadly_walk, .get = deadly_get, .put = deadly_put,
       .remove = deadly_remove);
"""


def keep(case, *args, **options):
    """Stresses, and keeps the file as s.json."""
    return case.run("stress", *args, "-o", "s.json", **options)


def deadly_plugin(case):
    return case.plugin(case.file("deadly.c", DEADLY))


def deadly(case, how, *args):
    return keep(case, f"{WORKLOADS}/map.json", "--plugin", deadly_plugin(case), "--impl", f"map/deadly[how={how}]", "--threads",
                "2", "--oracle", "shared", "--pressure", "calm", "--seconds", "20", "--stop-at-first", *args)


QUICK = ("--seconds", "1", "--oracle", "shared", "--oracle", "history", "--effort", "5")


# ---- what is found, and what is not ----------------------------------------------------------------


def test_nothing_is_found_in_what_is_sound(case):
    for kind in ("map", "alloc", "reclaim", "hash", "refcount", "slots"):
        run = keep(case, f"{WORKLOADS}/{kind}.json", "--seconds", "2", "--effort", "5")
        equal(run.returncode, 0, run.stdout + run.stderr)
        kept = case.result("s.json")
        equal(kept["findings"], [])
        assert sum(trial["trials"] for trial in kept["trials"]), run.stdout
        equal(case.run("validate", "s.json").returncode, 0)


def test_guarded_memory_tells_of_a_byte_too_many(case):
    with open(os.path.join(TOP, "docs/examples/plain.c"), encoding="utf-8") as plain:
        source = plain.read()
    made, told = "**link = (struct node){NULL, key, *value};", "MK_MAP(plain,"
    assert made in source and told in source
    source = source.replace('"../map.h"', "<memkit/map.h>").replace(told, "MK_MAP(overrun,")
    plugin = case.plugin(case.file("overrun.c", source.replace(
        made, made + " *(volatile unsigned char *)(*link + 1) = 1;")))
    run = keep(case, f"{WORKLOADS}/map.json", "--plugin", plugin, "--impl", "map/overrun+alloc/guard(alloc/libc)", "--oracle",
               "model", "--pressure", "calm", "--seconds", "20", "--stop-at-first")
    equal(run.returncode, 4, run.stdout + run.stderr)
    contains(case.result("s.json")["findings"][0]["what"], "written beside or after its blocks")


def test_every_pressure_has_a_file_that_runs(case):
    listed = json.loads(case.run("list", "pressures", "--json").stdout)["pressures"]
    files = {name[:-5].replace("-", "_") for name in os.listdir(f"{WORKLOADS}/pressures")}
    equal({pressure["name"] for pressure in listed} - files, {"calm"})
    for name in sorted(files):
        run = keep(case, f"{WORKLOADS}/pressures/{name.replace('_', '-')}.json", "--seconds", "1", "--effort", "5")
        assert run.returncode in (0, 3 if name == "points" else 0), run.stdout + run.stderr
        pressures = {trial["pressure"] for trial in case.result("s.json")["trials"] if trial["trials"]}
        equal(pressures, set() if name == "points" else {name}, name)


def test_wrong_answers_are_found_and_the_command_repeats_them(case):
    run = deadly(case, "forgets")
    equal(run.returncode, 4, run.stdout + run.stderr)
    finding = case.result("s.json")["findings"][0]
    equal(finding["rule"], "map/shared")
    contains(run.stdout, finding["command"], "FAIL")
    words = shlex.split(finding["command"])
    equal(words[0], "memkit-bench")
    again = case.run(*words[1:], "--stop-at-first", "-o", "again.json")
    equal(again.returncode, 4, again.stdout + again.stderr)
    repeated = case.result("again.json")["findings"][0]
    for key in ("rule", "seed", "oracle", "pressure"):
        equal(repeated[key], finding[key], key)


def test_a_history_without_an_order_is_shown_and_drawn(case):
    so = deadly_plugin(case)
    run = keep(case, f"{WORKLOADS}/map.json", "--plugin", so, "--impl", "map/deadly[how=forgets]", "--oracle", "history",
                      "--pressure", "calm", "--seconds", "20", "--stop-at-first")
    equal(run.returncode, 4, run.stdout + run.stderr)
    finding = case.result("s.json")["findings"][0]
    equal(finding["rule"], "map/history")
    contains(finding["detail"], "before: ", "get")
    picture = os.path.join(case.folder, finding["picture"])
    equal(xml.parse(picture).getroot().tag, "{http://www.w3.org/2000/svg}svg")


def test_a_crash_is_a_finding_with_its_stack(case):
    run = deadly(case, "crash")
    equal(run.returncode, 4, run.stdout + run.stderr)
    finding = case.result("s.json")["findings"][0]
    equal(finding["rule"], "crash")
    contains(finding["what"], "signal 11")
    functions = [frame.get("function") for stack in finding["stacks"] for frame in stack["frames"]]
    if shutil.which("addr2line"):
        equal(functions[0], "deadly_get")
    equal((finding["oracle"], finding["pressure"]), ("shared", "calm"))


def test_a_deadlock_and_a_livelock_are_told_apart(case):
    for how, words in (("deadlock", "waits for another"), ("livelock", "works and does not get on")):
        run = deadly(case, how)
        equal(run.returncode, 4, run.stdout + run.stderr)
        finding = case.result("s.json")["findings"][0]
        equal(finding["rule"], "hang")
        contains(finding["what"], words)


def test_a_worker_that_died_costs_no_more_than_what_killed_it(case):
    so = deadly_plugin(case)
    run = keep(case, f"{WORKLOADS}/map.json", "--plugin", so, "--impl", "map/deadly[how=crash]", "--impl", "map/sharded",
                      "--oracle", "shared", "--oracle", "owned", "--pressure", "calm", "--effort", "5", "--seconds", "10")
    equal(run.returncode, 4, run.stdout + run.stderr)
    kept = case.result("s.json")
    names = {cell["index"]: cell["identity"] for cell in kept["cells"]}
    tried = {(names[trial["cell"]], trial["oracle"]) for trial in kept["trials"] if trial["trials"]}
    contains(str(tried), "('map/sharded', 'shared')", "('map/sharded', 'owned')")
    equal({names[finding["cell"]] for finding in kept["findings"]}, {"map/deadly[how=crash]"})


def test_a_scenario_stands_for_a_workload(case):
    run = keep(case, "map_remove_remove", "--impl", "map/sharded", "--seconds", "1")
    equal(run.returncode, 0, run.stdout + run.stderr)
    trials = case.result("s.json")["trials"]
    equal({trial["oracle"] for trial in trials}, {"map_remove_remove"})
    counts = {outcome["name"]: outcome["count"] for trial in trials for outcome in trial["outcomes"]}
    assert sum(counts.values()) > 100, counts
    contains(run.stdout, "acceptable", "forbidden")


# ---- reports ---------------------------------------------------------------------------------------


def test_reports_are_written(case):
    run = deadly(case, "forgets", "--markdown", "s.md", "--junit", "s.xml", "--sarif", "s.sarif", "--quiet")
    equal((run.returncode, run.stdout), (4, ""), run.stderr)
    sarif = case.result("s.sarif")
    equal((sarif["version"], sarif["runs"][0]["results"][0]["ruleId"]), ("2.1.0", "map/shared"))
    suites = xml.parse(os.path.join(case.folder, "s.xml")).getroot()
    assert suites.findall(".//failure"), xml.tostring(suites)
    with open(os.path.join(case.folder, "s.md"), encoding="utf-8") as made:
        contains(made.read(), "map/shared", "memkit-bench stress")


def test_standard_output_holds_the_file_alone(case):
    run = case.run("stress", f"{WORKLOADS}/map.json", "--impl", "map/sharded", *QUICK, "-o", "-")
    equal(json.loads(run.stdout)["schema"], "memkit.stress/1")
    contains(run.stderr, "PASS")


# ---- other builds ----------------------------------------------------------------------------------


def other(flavour):
    return os.path.exists(os.path.join(TOP, "build", flavour, "memkit-bench"))


def test_sanitizer_reports_come_back_as_findings(case):
    if not other("tsan"):
        return "no build of flavour tsan"
    source = DEADLY.replace("deadly", "racy").replace("    pthread_mutex_lock(&map->lock);\n    uint64_t at = find",
                                                      "    uint64_t at = find")
    source = source.replace("    pthread_mutex_unlock(&map->lock);\n    return status", "    return status")
    source = source.replace("    pthread_mutex_unlock(&map->lock);\n    return found ? MK_HIT", "    return found ? MK_HIT")
    so = case.plugin(case.file("racy.c", source), "build/tsan")
    args = [f"{WORKLOADS}/map.json", "--plugin", so, "--flavour", "tsan", "--impl", "map/racy", "--oracle", "shared",
            "--pressure", "calm", "--seconds", "20"]
    run = keep(case, *args, "--stop-at-first")
    equal(run.returncode, 4, run.stdout + run.stderr)
    races = [finding for finding in case.result("s.json")["findings"] if finding["rule"] == "tsan/data-race"]
    assert races, case.result("s.json")["findings"]
    equal((races[0]["oracle"], races[0]["flavour"]), ("shared", "tsan"))
    files = {frame.get("file") for frame in races[0]["stacks"][0]["frames"]}
    assert any(name and name.endswith("racy.c") for name in files), files
    # Hidden by a suppression, and counted.
    path = case.file("hide.txt", "# all of it\nrace:racy\n")
    args[args.index("20")] = "3"
    run = keep(case, *args, "--suppressions", path)
    kept = case.result("s.json")
    equal([finding for finding in kept["findings"] if finding["rule"].startswith("tsan/data-race")], [])
    assert kept["suppressions"][0]["count"] > 0, kept["suppressions"]
    return None


def test_other_builds_find_nothing_in_what_is_sound(case):
    tried = []
    for flavour in ("debug", "asan", "tsan"):
        if not other(flavour):
            continue
        run = keep(case, f"{WORKLOADS}/map.json", "--impl", "map/sharded", *QUICK, "--flavour", flavour)
        equal(run.returncode, 0, run.stdout + run.stderr)
        equal(case.result("s.json")["context"]["flavour"], flavour)
        tried.append(flavour)
    return None if tried else "no other build"


def test_a_build_that_is_missing_is_named(case):
    run = keep(case, f"{WORKLOADS}/map.json", "--flavour", "nonesuch")
    equal(run.returncode, 6)
    contains(run.stderr, "make FLAVOUR=nonesuch")


# ---- bad input, and being stopped ------------------------------------------------------------------


def test_mistakes_are_named(case):
    path = f"{WORKLOADS}/map.json"
    for args, words in (((path, "--oracle", "histroy"), ("histroy", 'did you mean "history"')),
                        ((path, "--pressure", "crowds"), ("crowds", 'did you mean "crowd"')),
                        ((path, "--effort", "0"), ("--effort wants",)),
                        ((path, "--seconds", "soon"), ("--seconds wants",)),
                        ((path, "--rounds", "3"), ("--rounds",)),
                        ((), ("which workload",)),
                        (("nonesuch.json",), ("nonesuch.json",))):
        run = case.run("stress", *args)
        equal(run.returncode, 2, run.stderr)
        contains(run.stderr, *words)
    run = case.run("stress", path, "--suppressions", case.file("bad.txt", "race:x\nrice:y\n"))
    equal(run.returncode, 2, run.stderr)
    contains(run.stderr, "bad.txt:2")


def test_nothing_to_try_is_no_pass(case):
    run = keep(case, f"{WORKLOADS}/map.json", "--impl", "map/sharded", "--oracle", "held", "--seconds", "1")
    equal(run.returncode, 3, run.stdout + run.stderr)


def test_an_interrupt_keeps_what_was_found(case):
    so = deadly_plugin(case)
    args = [BENCH, "stress", f"{WORKLOADS}/map.json", "--plugin", so, "--impl", "map/deadly[how=forgets]", "--impl",
            "map/sharded", "--seconds", "60", "-o", "s.json"]
    with subprocess.Popen(args, cwd=case.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(4)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    equal(running.returncode, 128 + signal.SIGINT, out + err)
    kept = case.result("s.json")
    equal(kept["complete"], False)
    assert kept["findings"], out


def test_it_runs_in_one_process(case):
    run = keep(case, f"{WORKLOADS}/map.json", "--impl", "map/sharded", *QUICK, "--in-process")
    equal(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
