"""test_malloc_scenarios.py - the program that is run under each malloc (bench/malloc): what it counts and what it says, under the C
library and under each packaged library that is installed."""
import json
import os
import subprocess
import sys

from bench_case import BUILD, TOP, contains, equal, main

PROGRAM = os.path.join(TOP, BUILD, "bench/malloc_scenarios")
COUNTER = os.path.join(TOP, BUILD, "bench/malloc_count.so")
sys.path.insert(0, os.path.join(TOP, "scripts"))
from figures.malloc import OURS, RIVALS  # noqa: E402

EXCHANGED, BATCH, VECTORS = 10000, 4096, 256  # blocks of a round and thread, of a batch; vectors


def run(*words, preload=""):
    return subprocess.run([PROGRAM, *words], env=dict(os.environ, LD_PRELOAD=preload), capture_output=True, text=True, check=False,
                          timeout=120)


def measured(scenario, *words, preload=""):
    done = run(scenario, *words, preload=preload)
    equal(done.returncode, 0, f"{scenario} {' '.join(words)} under {preload or 'nothing'}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def scenarios():
    return [line.split("\t")[0] for line in run("--list").stdout.splitlines()]


def libraries():
    """What can be preloaded here, by name: the library, and a word of its file's name."""
    known = {**RIVALS, OURS: (os.path.join(TOP, BUILD, "libmemkit.so"), "libmemkit.")}
    return {name: pair for name, pair in known.items() if pair[1] in run("--library", preload=pair[0]).stdout}


def test_every_call_of_a_script_is_made(_):
    for scenario in scenarios():
        for mode in ("timed", "memory", "latency"):
            result = measured(scenario, "--percent", "1", "--mode", mode, preload=COUNTER)
            equal(result["seen"], result["calls"], f"{scenario}, {mode}")
            equal(result["calls"]["malloc"] + result["calls"]["calloc"], result["calls"]["free"], f"{scenario}: all is freed")
            equal(result["wrong"], 0, scenario)


def test_operations_are_those_of_the_script(_):
    equal(measured("fixed_lifo", "--percent", "1")["operations"], 16 * 1024 * 15)
    equal(measured("fixed_fifo", "--percent", "1")["operations"], 50000 * 2)
    equal(measured("mixed", "--percent", "1")["operations"], 30000)
    equal(measured("calloc", "--percent", "1")["calls"]["calloc"], 20000 + 2 * 20000 + 10000)
    equal(measured("exchange_4", "--percent", "1")["operations"], 4 * EXCHANGED)
    equal(measured("batches_2", "--percent", "1")["operations"], (8 + 1) * BATCH)
    result = measured("realloc", "--percent", "1")
    equal(result["calls"]["realloc"] + result["calls"]["malloc"], VECTORS + 20 * VECTORS + 1000)


def test_live_bytes_are_known(_):
    names = ("fixed_fifo", "growing", "exchange_2", "survivors")
    live = {name: measured(name, "--percent", "1", "--mode", "memory")["memory"] for name in names}
    equal(live["fixed_fifo"]["peak_live_bytes"], 50000 * 64)
    equal(live["fixed_fifo"]["live_end_bytes"], 0)
    equal(live["survivors"]["peak_live_bytes"], 4000 * 64)
    assert 0 <= (32 << 20) // 100 - live["growing"]["peak_live_bytes"] < 64, live["growing"]
    # of threads, within what each counts for itself; here all stood still
    equal(live["exchange_2"]["peak_live_bytes"], 2 * EXCHANGED * 64)
    for name in live:
        assert live[name]["peak_rss_bytes"] >= live[name]["peak_live_bytes"], (name, live[name])


def test_the_same_seed_asks_for_the_same(_):
    first, again, other = (measured("log_uniform", "--percent", "1", "--mode", "memory", "--seed", seed)["memory"]["peak_live_bytes"]
                           for seed in ("7", "7", "8"))
    equal(first, again)
    assert first != other, first


def test_rounding_is_measured(_):
    memory = measured("mixed", "--percent", "1", "--mode", "memory")["memory"]
    assert memory["requested_bytes"] <= memory["usable_bytes"] <= 2 * memory["requested_bytes"], memory
    equal(memory["requested_bytes"], memory["live_end_bytes"])


def test_a_census_of_lines(_):
    """Of glibc, threads have arenas of their own, and a block of 16 to 64 bytes shares lines with its neighbours: all of one thread."""
    census = measured("sharing_active", "--mode", "memory")["census"]
    equal(census["objects"], 20000)
    assert census["shared"] <= 20, census
    equal(measured("bleed_2", "--percent", "1", "--mode", "memory")["census"]["objects"], 20000)


def test_a_census_sees_what_is_shared(case):
    """An allocator that hands out 16 bytes after 16 bytes, to threads in turns: the neighbours of a block are another thread's, and only
    one that fills a line from its beginning to its end shares none. Two of seven sizes do, where one in four begins a line: 7 %."""
    source = case.file("bump.c", """
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
static char memory[1 << 26] __attribute__((aligned(64)));
static _Atomic(size_t) used;
void *malloc(size_t bytes) { return memory + atomic_fetch_add(&used, (bytes + 15) / 16 * 16); }
void free(void *at) { (void)at; }
void *calloc(size_t n, size_t bytes) { return malloc(n * bytes); }
void *realloc(void *at, size_t bytes) { void *to = malloc(bytes); return at ? memmove(to, at, bytes) : to; }
""")
    bump = os.path.join(case.folder, "bump.so")
    subprocess.run([os.environ.get("CC", "gcc"), "-O1", "-fno-builtin", "-fPIC", "-shared", source, "-o", bump], check=True)
    census = measured("sharing_active", "--mode", "memory", "--expect", "bump.so", preload=bump)["census"]
    assert 0.91 < census["shared"] / census["objects"] < 0.95, census


def test_latency_is_sampled(_):
    result = measured("mixed", "--percent", "10", "--mode", "latency")
    calls = result["calls"]["malloc"] + result["calls"]["free"]
    latency = result["latency"]
    sampled = latency["malloc"]["samples"] + latency["free"]["samples"]
    assert calls / 16 < sampled < calls / 4, (calls, sampled)
    for call in ("malloc", "free"):
        at = latency[call]
        assert 0 < at["p50_ns"] <= at["p99_ns"] <= at["p999_ns"], at


def test_every_malloc_that_is_here(_):
    here = libraries()
    for name, (preload, word) in here.items():
        for scenario in scenarios():
            result = measured(scenario, "--percent", "1", "--mode", "memory", "--expect", word, preload=preload)
            contains(os.path.basename(result["library"]), word)
            equal(result["wrong"], 0, f"{scenario} under {name}")
    return None if any(name in here for name in RIVALS) else "no packaged malloc is installed (scripts/setup --peers)"


def test_packaged_allocators_are_measured(case):
    """By workers, which keep room for the thread-local variables of what they load, whatever they are started with."""
    listed = case.run("list", "impls", "--json")
    peers = [name for name in (f"alloc/{rival}" for rival in RIVALS) if f'"{name}"' in listed.stdout]
    if not peers:
        return "no packaged malloc is in this build (scripts/setup --peers)"
    quick = ("--processes", "1", "--rounds", "1", "--round-ms", "5", "--quiet", "-o", "r.json")
    environment = {key: value for key, value in os.environ.items() if key != "GLIBC_TUNABLES"}
    for words in (("workloads/bench/alloc-peers.json", "--threads", "2", *(word for peer in peers for word in ("--impl", peer))),
                  ("workloads/quickstart.json", "--threads", "2", *(word for peer in peers for word in ("--impl", f"map/chain+{peer}")))):
        done = case.run(os.path.join(TOP, words[0]), *words[1:], *quick, env=environment)
        equal(done.returncode, 0, done.stdout + done.stderr)
        cells = [cell for cell in case.result()["cells"] if not cell["floor"]]
        equal(len({cell["identity"] for cell in cells}), len(peers), words[0])
        for cell in cells:
            assert cell["rounds"] and not cell["skipped"], cell["identity"]
    return None


def test_what_is_not_there_is_refused(_):
    done = run("mixed", "--percent", "1", "--expect", "libjemalloc")
    equal(done.returncode, 1)
    contains(done.stderr, "malloc comes from", "not from libjemalloc")
    for words in (("nothing",), ("mixed", "--mode", "fast"), ("mixed", "--percent", "0"), ("mixed", "--seed"), ("mixed", "--seed", "x")):
        equal(run(*words).returncode, 2, words)


if __name__ == "__main__":
    sys.exit(main(globals()))
