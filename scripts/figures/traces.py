"""traces.py - what it costs to record a program's allocations, and whether a replay asks for the same.

One scenario of bench/malloc, which does little but allocate, is run alone and recorded, in turn; the largest recording is verified,
and replayed over a few allocators. The replay's own check, which is not timed, holds the sizes of each recorded thread, in their
order, against the trace's: a cell whose check fails has no figures.
"""
import json
import os
import statistics
import subprocess
import sys

from figures.kit import TOP, cell_of, cpu_ns, paragraph
from figures.structures import interval, table

SCENARIO = ("bleed_2", "--percent", "220")  # 2.6 million blocks replaced, with two threads that free each other's
EVENTS = 10_000_000
PROCESSES = 5
IMPLS = ("alloc/null", "alloc/thread_local", "alloc/libc", "alloc/jemalloc", "alloc/mimalloc", "alloc/tcmalloc", "alloc/tbbmalloc")


def scenario_cpu_ns(bench, trace=None):
    """CPU time of the whole process in the scenario, for each operation."""
    program = os.path.join(TOP, bench.build, "bench/malloc_scenarios")
    words = [bench.tool, "record", "-o", trace, "--"] if trace else []
    run = subprocess.run([*words, program, *SCENARIO], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"bench: {' '.join([*words, program, *SCENARIO])}: status {run.returncode}\n{run.stderr}")
    line = next(line for line in run.stdout.split("\n") if line.startswith("{"))
    return json.loads(line)["cpu_ns_per_op"]


def trace_says(bench, *words):
    run = subprocess.run([bench.tool, "trace", *words], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"bench: memkit-bench trace {' '.join(words)}: status {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


def recording(bench, page, trace):
    """What recording adds; leaves the last recording in `trace`."""
    pairs = [(scenario_cpu_ns(bench), scenario_cpu_ns(bench, trace)) for _ in range(PROCESSES)]
    slowdown = sorted(recorded / alone for alone, recorded in pairs)
    info = json.loads(trace_says(bench, "info", trace, "--json"))
    command = f"memkit-bench record -o BIG.trace -- build/release/bench/malloc_scenarios {' '.join(SCENARIO)}"
    page.add(f"a recording of {info['events']:,} events of a program that does little but allocate: times its CPU time", "<= 3x",
             interval(slowdown), statistics.median(slowdown) <= 3, command)
    page.add("... events, of which the recorder has lost none", f">= {EVENTS:,}", f"{info['events']:,}, {info['dropped']} lost",
             info["events"] >= EVENTS and not info["dropped"], command)
    trace_says(bench, "verify", trace)
    page.add("... is verified", "yes", "yes", True, "memkit-bench trace verify BIG.trace")


def peak_over_live(cell):
    """The floor has none: its blocks overlap."""
    ratios = [sample["peak_rss_bytes"] / sample["peak_live_bytes"] for sample in cell["memory"] if sample["peak_rss_bytes"]]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def replaying(bench, page, trace):
    workload = os.path.join(bench.folder, "replay.json")
    with open(workload, "w", encoding="utf-8") as out:
        json.dump({"schema": "memkit.workload/1", "name": "bench-replay", "kind": "alloc", "impls": ["alloc/*"], "trace": trace,
                   "processes": 3, "rounds": 2, "latency": {"sample_every_ops": 0}}, out)
    here = [name for name in IMPLS if bench.has(name)]
    _, result = bench.run(workload, *(word for name in here for word in ("--impl", name)))
    cells = {name: cell_of(result, name) for name in here}
    same = [name for name, cell in cells.items() if cpu_ns(cell)]
    command = "build/release/memkit-bench REPLAY.json   # alloc/*, \"trace\": \"BIG.trace\""
    page.add("... is replayed, each recorded thread asking for the same sizes in the same order: allocators", f"{len(here)} of {len(here)}",
             f"{len(same)} of {len(here)}", len(same) == len(here), command)
    rows = [[f"`{name}`", interval(sorted(cpu_ns(cells[name]).values()), " ns"), peak_over_live(cells[name])] for name in same]
    page.tables.append(paragraph("Its replay, whose floor is `alloc/null`: CPU time an event, and peak resident over peak live bytes.") +
                       "\n" + table(["allocator", "an event", "peak resident over live"], rows))


def traces(bench, page):
    trace = os.path.join(bench.folder, "big.trace")
    recording(bench, page, trace)
    replaying(bench, page, trace)
    os.unlink(trace)
