"""test_trace_profile.py - profiles of allocations: `trace profile` and `trace generate`, and workloads that replay one. What is made
of a profile is a whole trace, the same each time, and like what the profile was fitted to; patterns do what they say; what is
wrong with a profile is said with its key, before anything runs."""
import collections
import copy
import csv
import io
import json
import os
import sys

from bench_case import BENCH, TOP, contains, equal, main

SHIPPED = os.path.join(TOP, "workloads/profiles")
PEAK_FACTOR = 2       # docs/traces.md states these
SIZES_DISTANCE = 0.02
CROSSING_DISTANCE = 0.05

# Three threads, one of which frees what others allocate; a size that grows, a start-up that stays, a burst in the middle.
MIXED = {
    "schema": "memkit.profile/1", "name": "mixed", "events": 20000, "allocations_per_s": 1000000,
    "threads": [{"allocations": 6, "frees_of_others": 1}, {"allocations": 3, "frees_of_others": 0, "begins_frac": 0.1, "ends_frac": 0.9},
                {"threads": 4, "allocations": 2, "frees_of_others": 3, "begins_frac": 0.2, "ends_frac": 0.9, "life_frac": 0.2}],
    "sizes": [
        {"bytes": 16, "count": 500, "zeroed": 100, "lives": [0, 3, 40], "freed": [300, 100, 50], "crossed": [0, 20, 30]},
        {"bytes": 48, "count": 300, "aligned": 30, "align_bytes": 256, "lives": [2, 100], "freed": [200, 20], "resized": [60, 20],
         "resized_to": [96], "resized_to_count": [1]},
        {"bytes": 96, "count": 0, "lives": [10], "freed": [50], "resized": [10], "resized_to": [96, 200], "resized_to_count": [1, 3]},
        {"bytes": 200, "spread_bytes": 70, "count": 100, "lives": [700], "freed": [50], "crossed": [50]},
        {"bytes": 4096, "count": 20, "when": [20] + [0] * 15, "at_end": 15, "kept": 5},
        {"bytes": 10000, "count": 10, "when": [0] * 8 + [10] + [0] * 7, "lives": [50], "freed": [10]}]}
GROWING = {"schema": "memkit.profile/1", "name": "g", "events": 3000, "pattern": "growing_sizes",
           "shape": {"live_bytes": 16384, "min_bytes": 16, "max_bytes": 1024, "growth": 2, "survivor_every": 4}}


def generate(case, profile, name="g.trace", *options):
    """Makes a trace of a profile, whole by its own command; returns its bytes."""
    path = profile if isinstance(profile, str) else case.file("p.json", profile)
    run = case.run("trace", "generate", path, "-o", name, *options)
    equal(run.returncode, 0, run.stderr)
    equal(case.run("trace", "verify", name).stdout, f"{name}: ok\n")
    with open(os.path.join(case.folder, name), "rb") as made:
        return made.read()


def info(case, name="g.trace"):
    return json.loads(case.run("trace", "info", "--json", name).stdout)


def fit(case, name="g.trace"):
    run = case.run("trace", "profile", name)
    equal((run.returncode, run.stderr), (0, ""))
    return json.loads(run.stdout)


def rows(case, name="g.trace"):
    return list(csv.DictReader(io.StringIO(case.run("trace", "export", name).stdout)))


def walk(case, name="g.trace"):
    """Follows each object, on its own books: (row, size of what is taken, thread that allocated it, live bytes) of each event."""
    live, total, found = {}, 0, []
    for row in rows(case, name):
        of = lambda text, thread=row["thread"]: text if text[0] == "X" else thread + text
        taken = live.pop(of(row["taken"])) if row["taken"] else (0, None)
        total -= taken[0]
        if row["given"]:
            assert of(row["given"]) not in live, row
            live[of(row["given"])] = (int(row["size"]), row["thread"])
            total += int(row["size"])
        found.append((row, taken[0], taken[1], total))
    return found


def distance(a, b):
    """Half of what two histograms, as lists of [value, count], differ by: 0 to 1."""
    a, b = dict(map(tuple, a)), dict(map(tuple, b))
    of_a, of_b = sum(a.values()), sum(b.values())
    return sum(abs(a.get(key, 0) / of_a - b.get(key, 0) / of_b) for key in {*a, *b}) / 2


def alike(one, other):
    """What docs/traces.md promises of a trace and of one that is made of its profile."""
    assert distance(one["sizes"], other["sizes"]) <= SIZES_DISTANCE, (one["sizes"], other["sizes"])
    assert 1 / PEAK_FACTOR <= other["peak_live_bytes"] / one["peak_live_bytes"] <= PEAK_FACTOR, "live bytes"
    assert abs(one["crossing_frees"] / one["frees"] - other["crossing_frees"] / other["frees"]) <= CROSSING_DISTANCE, "crossing"
    assert 0.95 <= other["events"] / one["events"] <= 1.05, "events"
    equal(len(one["threads"]), len(other["threads"]))


# ---- from a profile to a trace ----------------------------------------------------------------------


def test_the_same_seed_makes_the_same_bytes(case):
    for profile in (MIXED, GROWING, {**GROWING, "pattern": "realloc_growth"}):
        first = generate(case, profile, "a.trace", "--seed", "7")
        equal(generate(case, profile, "b.trace", "--seed", "7"), first)
        other = generate(case, profile, "c.trace", "--seed", "8")
        assert profile["name"] == "g" and "pattern" not in profile or other != first
        default = generate(case, profile, "d.trace")
        equal(default, generate(case, profile, "e.trace", "--seed", "1"))
    assert generate(case, MIXED, "c.trace", "--seed", "8") != generate(case, MIXED, "a.trace", "--seed", "7")


def test_a_trace_has_what_the_profile_says(case):
    generate(case, MIXED)
    said = info(case)
    assert 19000 <= said["events"] <= 21000, said["events"]
    equal(len(said["threads"]), 6)
    sizes = collections.Counter(int(row["size"]) for row in rows(case) if row["event"] in ("malloc", "calloc", "aligned"))
    fresh = sum(sizes.values())
    for entry in MIXED["sizes"]:
        spread = entry.get("spread_bytes", 0)
        got = sum(n for size, n in sizes.items() if abs(size - entry["bytes"]) <= spread)
        assert abs(got / fresh - entry["count"] / 930) < 0.005, (entry["bytes"], got / fresh)
    events = said["of_event"]
    assert abs(events["calloc"] / fresh - 100 / 930) < 0.02 and abs(events["aligned"] / fresh - 30 / 930) < 0.02, events
    equal(list(said["alignments"]), ["256"])
    early = [i for i, row in enumerate(row for row in rows(case) if row["given"]) if row["size"] == "4096"]
    burst = [i / said["allocations"] for i, row in enumerate(row for row in rows(case) if row["given"]) if row["size"] == "10000"]
    assert early and max(early) < said["allocations"] / 12, "the start-up is early"
    assert burst and 0.4 < min(burst) and max(burst) < 0.65, "the burst is in the middle"
    assert 0.9e9 < said["allocations"] / said["duration_ns"] * 1e12 < 1.1e9, "a million allocations a second"


def test_each_block_goes_once_and_by_whom_it_should(case):
    generate(case, MIXED)
    crossing, ends = 0, collections.Counter()
    for row, size, owner, _ in walk(case):
        if not row["taken"]:
            continue
        equal(row["taken"][0] == "X", owner != row["thread"], row)
        crossing += owner != row["thread"]
        ends[row["event"], size if size in (16, 48, 96, 4096, 10000) else 200] += 1
    equal(crossing, info(case)["crossing_frees"])
    equal({size for event, size in ends if event == "realloc"}, {48, 96})
    made = ends["realloc", 48] / (ends["realloc", 48] + ends["free", 48])
    assert abs(made - 80 / 300) < 0.03, f"{made} of 48 bytes are resized"
    kept = info(case)["end_live_blocks"]
    assert 0.15 < kept / sum(row["size"] == "4096" for row in rows(case)) < 0.35, "a quarter of 4096 bytes stays"


def test_another_number_of_events(case):
    for n in (200, 5000, 100000):
        generate(case, MIXED, "g.trace", "--events", str(n))
        assert 0.9 * n <= info(case)["events"] <= 1.1 * n, n


def test_pareto_lives_have_a_tail(case):
    profile = {"schema": "memkit.profile/1", "name": "p", "events": 40000,
               "sizes": [{"bytes": 32, "count": 1, "freed": [1], "pareto_alpha": 1, "pareto_min": 8}]}
    generate(case, profile)
    lives = dict(map(tuple, info(case)["lifetimes_allocations"]))
    freed = sum(lives.values())
    longer = lambda than: sum(n for life, n in lives.items() if life >= than) / freed
    assert sum(n for life, n in lives.items() if life < 8) < 0.002 * freed, "but for those that the end cuts short"
    assert abs(longer(16) - 0.5) < 0.05 and abs(longer(128) - 1 / 16) < 0.02, lives


# ---- patterns ---------------------------------------------------------------------------------------


def test_growing_sizes_grow_when_there_is_no_room_left(case):
    generate(case, {**GROWING, "events": 9000})
    seen, before = [], 0
    for row, _, _, live in walk(case):
        assert live <= 16384, live
        if row["given"] and int(row["size"]) != before:
            before = int(row["size"])
            seen.append(before)
    equal(seen[:5], [16, 32, 64, 128, 256])
    assert seen.count(16) > 1, "it begins anew"
    first = [row["event"] for row, _, _, _ in walk(case)][1:1 + 1024 + 768]
    equal(first, ["malloc"] * 1024 + ["free"] * 768, "three of four are freed")
    equal(info(case)["peak_live_bytes"], 16384)


def test_page_survivors_leave_one_a_page(case):
    generate(case, {**GROWING, "pattern": "page_survivors", "events": 6000,
                    "shape": {"live_bytes": 65536, "min_bytes": 64, "max_bytes": 160, "page_bytes": 4096}})
    events = walk(case)[1:]
    equal([row["size"] for row, _, _, _ in events[:1024]], ["64"] * 1024)
    freed = {row["taken"] for row, _, _, _ in events[1024:1024 + 1008]}
    kept = [int(row["given"][1:]) for row, _, _, _ in events[:1024] if row["given"] not in freed]
    equal(kept, [64 * page + 63 for page in range(16)])
    equal(events[1024 + 1008][0]["size"], "160")


def test_vectors_grow_by_their_factor(case):
    generate(case, {**GROWING, "pattern": "realloc_growth", "threads": [{"threads": 2}],
                    "shape": {"live_bytes": 65536, "min_bytes": 32, "max_bytes": 1000, "growth": 1.5}})
    grown = 0
    for row, size, _, live in walk(case):
        assert live <= 65536
        if row["event"] == "realloc":
            equal(int(row["size"]), int(size * 1.5 + 0.5))
            grown += 1
        elif row["given"]:
            equal(row["size"], "32")
    assert grown > 1000, grown
    equal(len(info(case)["threads"]), 2)
    equal(info(case)["end_live_blocks"], 0)


def test_shipped_profiles_and_their_workloads(case):
    for name in sorted(os.listdir(SHIPPED)):
        path = os.path.join(SHIPPED, name)
        equal(case.run("validate", path).stdout, path + ": ok\n")
        generate(case, path)
        with open(path, encoding="utf-8") as file:
            profile = json.load(file)
        assert 0.9 * profile["events"] <= info(case)["events"] <= 1.2 * profile["events"], name
        if "shape" in profile:
            assert 0.2 * profile["shape"]["live_bytes"] <= info(case)["peak_live_bytes"] <= profile["shape"]["live_bytes"], name
        workload = os.path.join(TOP, "workloads/alloc", name)
        equal(case.run("validate", workload).stdout, workload + ": ok\n")
        with open(workload, encoding="utf-8") as file:
            equal(json.load(file)["profile"], "../profiles/" + name)


# ---- from a trace to a profile, and back --------------------------------------------------------------


def test_a_profile_of_a_trace_makes_one_like_it(case):
    generate(case, MIXED, "a.trace")
    first = fit(case, "a.trace")
    generate(case, first, "b.trace", "--seed", "99")
    second = fit(case, "b.trace")
    alike(info(case, "a.trace"), info(case, "b.trace"))
    equal(first["fitted"]["peak_live_bytes"], info(case, "a.trace")["peak_live_bytes"])
    equal(first["fitted"]["crossing_frees"], info(case, "a.trace")["crossing_frees"])
    counts = [{entry["bytes"]: entry.get("count", 0) for entry in profile["sizes"]} for profile in (first, second)]
    total = sum(counts[0].values())
    for entry in MIXED["sizes"]:
        if "spread_bytes" not in entry:
            assert abs(counts[0].get(entry["bytes"], 0) - counts[1].get(entry["bytes"], 0)) <= 0.005 * total, (entry, counts)
    assert len(json.dumps(first)) < 30000, "a few KB"


def test_a_profile_of_a_recorded_program(case):
    if not os.path.exists(os.path.join(os.path.dirname(BENCH), "libmemkit-trace.so")):
        return "the recorder is made in the flavours release and debug"
    script = ("import json\n"
              "kept = [json.loads('{\"a\": [1, 2, %d], \"b\": \"' % i + 'x' * (i % 300) + '\"}') for i in range(1500)]\n"
              "text = ''.join(json.dumps(one) for one in kept)\n")
    run = case.run("record", "-o", "t.trace", "--", sys.executable, "-S", "-c", script, env={**os.environ, "PYTHONMALLOC": "malloc"})
    equal(run.returncode, 0, run.stderr)
    generate(case, fit(case, "t.trace"))
    alike(info(case, "t.trace"), info(case))
    return None


def test_what_is_freed_at_the_end_is_freed_there(case):
    profile = {"schema": "memkit.profile/1", "name": "e", "events": 20000,
               "sizes": [{"bytes": 100, "count": 1, "at_end": 1}, {"bytes": 30, "count": 1, "lives": [2], "freed": [1]}]}
    generate(case, profile)
    entries = {entry["bytes"]: entry for entry in fit(case)["sizes"]}
    assert entries[100]["at_end"] > 0.99 * entries[100]["count"], entries[100]
    assert entries[30].get("at_end", 0) < 0.01 * entries[30]["count"], entries[30]


def test_beginnings_and_ends_of_threads_are_among_the_events(case):
    generate(case, {"schema": "memkit.profile/1", "name": "short", "events": 10000, "threads": [{"threads": 1000, "life_frac": 0.005}],
                    "sizes": [{"bytes": 16, "count": 1, "lives": [3], "freed": [1]}]})
    made = info(case)["events"]
    assert abs(made / 10000 - 1) < 0.05, made


def test_many_sizes_and_threads_stay_small(case):
    profile = copy.deepcopy(MIXED)
    profile["sizes"] = [{"bytes": 8 + 24 * i, "count": 1 + i % 7, "lives": [500], "freed": [1]} for i in range(200)]
    profile["threads"] = [{"threads": 300, "life_frac": 0.01}, {}]
    generate(case, profile)
    made = fit(case)
    assert len(made["sizes"]) <= 64 and len(made["threads"]) <= 16, (len(made["sizes"]), len(made["threads"]))
    equal(sum(entry.get("threads", 1) for entry in made["threads"]), 301)
    generate(case, made, "b.trace")
    alike(info(case), info(case, "b.trace"))


# ---- what is refused --------------------------------------------------------------------------------


def entry(**changes):
    made = {"bytes": 16, "count": 1, "freed": [1], "lives": [1]}
    made.update(changes)
    return {"sizes": [{key: value for key, value in made.items() if value is not None}]}


BAD = [
    ({"schema": "memkit.profile/2"}, "\"schema\" is \"memkit.profile/2\""), ({"size": []}, "unknown key \"size\", did you mean \"sizes\""),
    ({"name": None}, "missing key \"name\""), ({"sizes": []}, "there are no \"sizes\""), ({"events": 0}, "\"events\" must be between 1"),
    ({"events": 10 ** 12}, "\"events\" must be between 1"), ({"events": -5}, "\"events\""), ({"pattern": "shrinking"}, "\"pattern\""),
    ({"shape": {}}, "\"shape\" means nothing without a \"pattern\""), (entry(bytes=0), "\"bytes\" must be between 1"),
    (entry(bytes=2 ** 40), "\"bytes\" must be between 1"), (entry(bytes=-16), "\"bytes\""), (entry(byte=1), "unknown key \"byte\""),
    (entry(bytes=None), "missing key \"bytes\""), (entry(count=0), "the counts of \"sizes\" add up to 0"),
    (entry(freed=[0]), "add up to 0: nothing says what becomes of blocks of 16 bytes"),
    (entry(freed=[1, 2]), "\"freed\" has 2 numbers and \"lives\" 1"), (entry(freed=[-1]), "\"freed\""), (entry(lives=[-1]), "\"lives\""),
    (entry(spread_bytes=16), "\"spread_bytes\" is 16, not less than"), (entry(zeroed=2), "more than \"count\""),
    (entry(align_bytes=48), "not a power of two"), (entry(when=[1, 2]), "\"when\" has 2 numbers: give 16"),
    (entry(when=[0] * 16), "\"when\" adds up to 0"), (entry(pareto_alpha=1), "give either \"lives\" or \"pareto_alpha\""),
    (entry(resized=[1]), "\"resized_to_count\" adds up to 0"),
    (entry(resized=[1], resized_to=[17], resized_to_count=[1]), "\"resized_to\" names 17"),
    (entry(resized=[1], resized_to=[16]), "give one for each"), ({"sizes": entry()["sizes"] * 2}, "two entries have 16 bytes"),
    ({"threads": [{"threads": 0}]}, "\"threads\" must be between 1"), ({"threads": [{"allocations": 0}]}, "nobody allocates"),
    ({"threads": [{"threads": 60000}, {"threads": 60000}]}, "120000 threads are too many"),
    ({"threads": [{"begins_frac": 0.5, "ends_frac": 0.5}]}, "no time between"),
    ({"pattern": "growing_sizes"}, "give either \"sizes\" or a \"pattern\""),
    ({**GROWING, "shape": {"min_bytes": 100, "max_bytes": 50}, "sizes": None}, "\"max_bytes\" is 50, less than"),
    ({**GROWING, "shape": {"max_bytes": 2 ** 30}, "sizes": None}, "less than one block of \"max_bytes\""),
    ({**GROWING, "shape": {"growth": 1}, "sizes": None}, "\"growth\" must be above 1"),
    ({**GROWING, "shape": {"survivor_every": 1}, "sizes": None}, "nothing would be freed"),
    ({**GROWING, "pattern": "page_survivors", "shape": {"min_bytes": 64, "max_bytes": 64}, "sizes": None}, "is \"min_bytes\""),
    ({**GROWING, "pattern": "page_survivors", "shape": {"min_bytes": 4000}, "sizes": None}, "less than two blocks"),
]
# What no check of a key shows: what would be made.
TOO_MUCH = [
    (entry(bytes=2 ** 35, freed=None, lives=None, kept=1), "more than 64 GiB would be live"),
    (entry(freed=[0], resized=[1], resized_to=[16], resized_to_count=[1]), "reallocated for ever"),
    ({"threads": [{"threads": 5000}]}, "more than 4096 threads"),
    ({**GROWING, "threads": [{"threads": 100}], "sizes": None}, "leaves each of them less than one block"),
]


def wrong(changes):
    made = {"schema": "memkit.profile/1", "name": "bad", **entry(), **changes}
    return {key: value for key, value in made.items() if value is not None}


def test_bad_profiles_are_refused_with_the_key(case):
    for changes, said in BAD + TOO_MUCH:
        path = case.file("bad.json", wrong(changes))
        run = case.run("trace", "generate", path, "-o", "bad.trace")
        equal((run.returncode, run.stdout), (2, ""), f"{changes}: {run.stderr}")
        contains(run.stderr, "bad.json", said)
        assert os.listdir(case.folder) == ["bad.json"], os.listdir(case.folder)
        if (changes, said) in BAD:
            contains(run.stderr, "bad.json:", ": error: ")
            equal(case.run("validate", path).returncode, 2)


def test_what_is_no_profile(case):
    whole = json.dumps(wrong({}))
    for n in (0, 1, len(whole) // 2, len(whole) - 1):
        run = case.run("trace", "generate", case.file("cut.json", whole[:n]), "-o", "cut.trace")
        equal(run.returncode, 2)
        contains(run.stderr, "cut.json", "error: ")
    for name, said in (("missing.json", "No such file"), (TOP, "is a directory")):
        run = case.run("trace", "generate", name, "-o", "x.trace")
        equal(run.returncode, 2)
        contains(run.stderr, said)
    generate(case, MIXED)
    contains(case.run("trace", "generate", "g.trace", "-o", "x.trace").stderr, "takes a profile, and not a trace")
    run = case.run("trace", "profile", case.file("p.csv", "op,key\nget,1\n"))
    equal(run.returncode, 2)
    contains(run.stderr, "p.csv", "no trace of allocations")
    with open(os.path.join(case.folder, "g.trace"), "rb") as file:
        cut = file.read()[:-100]
    with open(os.path.join(case.folder, "cut.trace"), "wb") as file:
        file.write(cut)
    equal(case.run("trace", "profile", "cut.trace", "-o", "cut.json.out").returncode, 2)
    assert not os.path.exists(os.path.join(case.folder, "cut.json.out"))


def test_the_command_line(case):
    path = case.file("p.json", MIXED)
    for words, said in ((["generate", path], "where to?"), (["generate", path, "-o", "x", "--seed", "-1"], "--seed wants"),
                        (["generate", path, "-o", "x", "--events", "many"], "--events wants"),
                        (["generate", path, "-o", "x", "--events", "0"], "--events wants"),
                        (["generate", path, "-o", "x", "--events", str(10 ** 10)], "events are too many"),
                        (["generate", path, "-o", "nowhere/x"], "nowhere/x"), (["profile", path], "no trace of allocations"),
                        (["profile", path, "--seed", "1"], "--seed is not for profile"),
                        (["info", path, "--events", "1"], "--events is not for info")):
        run = case.run("trace", *words)
        equal((run.returncode, run.stdout), (2, ""), words)
        contains(run.stderr, said)
    generate(case, MIXED)
    case.run("trace", "profile", "g.trace", "-o", "out.json")
    equal(case.result("out.json"), fit(case))
    contains(case.run("trace", "--help").stdout, "trace profile", "trace generate", "--seed N", "--events N")


def test_schema_and_reference_are_those_of_the_table(case):
    for option, path in (("--schema", "docs/schema/profile.schema.json"), ("--reference", "docs/reference-profile.md")):
        with open(os.path.join(TOP, path), encoding="utf-8") as kept:
            equal(case.run("validate", option, "profile").stdout, kept.read(), path)


# ---- workloads --------------------------------------------------------------------------------------


def workload(**changes):
    made = {"schema": "memkit.workload/1", "name": "profiled", "kind": "alloc", "impls": ["alloc/libc"], "profile": "p.json",
            "processes": 1, "rounds": 1}
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def test_a_workload_replays_a_profile(case):
    case.file("p.json", MIXED)
    path = case.file("w.json", workload(events=3000, seed=5))
    equal(case.run("validate", path).stdout, path + ": ok\n")
    contains(case.run("plan", path).stdout, "p.json", "of 6 threads")
    run = case.run(path, "-o", "r.json", "--quiet")
    equal(run.returncode, 0, run.stderr + run.stdout)
    cell = next(cell for cell in case.result()["cells"] if cell["identity"] == "alloc/libc")
    checks = [check for check in cell["checks"] if check["check"] in ("replay", "leak")]
    equal({check["verdict"] for check in checks}, {"pass"}, checks)
    generate(case, MIXED, "g.trace", "--seed", "5", "--events", "3000")
    trace = case.result()["points"][0]["traces"][0]
    equal((trace["path"], trace["checksum"]), ("p.json", info(case)["checksum"]), "the workload's seed makes the trace")


def test_workloads_that_make_no_sense_are_refused(case):
    case.file("p.json", MIXED)
    case.file("bad.json", wrong(entry(count=0)))
    case.file("much.json", wrong(TOO_MUCH[0][0]))
    for changes, said in (({"trace": "t.trace"}, "\"profile\" and \"trace\" exclude each other"),
                          ({"ops": {"pair": 1}}, "\"ops\" and \"profile\" exclude each other"),
                          ({"blocks": {"live": 7}}, "\"blocks\" and \"profile\" exclude each other"),
                          ({"kind": "map", "impls": ["map/*"]}, "\"profile\" means nothing for kind map"),
                          ({"profile": ""}, "\"profile\" is empty"), ({"profile": None, "events": 5}, "\"events\" is for a \"profile\""),
                          ({"events": 2 ** 30}, "\"events\" must be between"), ({"profile": "missing.json"}, "missing.json"),
                          ({"profile": "bad.json"}, "counts of \"sizes\" add up to 0"), ({"profile": "much.json"}, "GiB would be live")):
        path = case.file("w.json", workload(**changes))
        run = case.run(path, "-o", "refused.json")
        equal(run.returncode, 2, f"{changes}: {run.stderr}{run.stdout}")
        contains(run.stderr, said)
        assert not os.path.exists(os.path.join(case.folder, "refused.json"))
        equal(case.run("validate", path).returncode, 2, changes)


if __name__ == "__main__":
    sys.exit(main(globals()))
