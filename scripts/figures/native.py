"""native.py - figures of native builds: the harness, allocators, the tool, oracles, sanitizers."""
import json
import os
import statistics
import subprocess
import sys
import time

from figures.kit import TOP, cell_of, cpu_ns, ratio, says, spread, stress_kinds


def harness(bench, page):
    hand = bench.plugin("by_hand.c", "gcc", "c11")
    for name, what, limit in (("get", "get only", 1.0), ("90-5-5", "90/5/5", 1.7), ("50-25-25", "50/25/25", 5.2)):
        command, result = bench.run(f"workloads/bench/harness-{name}.json", "--plugin", hand, "--impl", "map/null", "--impl", "map/by_hand")
        at, low, high = spread(cell_of(result, "map/null"))
        page.add(f"`map/null`, {what}: ns an operation", f"<= {limit}", f"{at:.2f} [{low:.2f}, {high:.2f}]", at <= limit, command)
        at, low, high = ratio(result, "map/null", "map/by_hand")
        page.add(f"... against a hand-written loop", "<= 1.15x", f"{at:.2f}x [{low:.2f}, {high:.2f}]", at <= 1.15, command)


def maps(bench, page):
    peer = bench.plugin("std_sharded.cc", "g++", "c++17", part="fold")
    command, result = bench.run("workloads/bench/maps.json", "--plugin", peer, "--impl", "map/sharded", "--impl", "map/std_sharded")
    for cell in [c for c in result["cells"] if c["identity"] == "map/sharded"]:
        entries = int(cell["label"].split("=")[1]) // 2
        at, low, high = ratio(result, "map/std_sharded", "map/sharded", cell["label"])
        page.add(f"`map/sharded` against `std::unordered_map` shards, {entries:,} keys, 90/5/5", "> 1x",
                 f"{at:.2f}x as fast [{low:.2f}, {high:.2f}]", low > 1, command)


def entry_bytes(bench, page):
    command, result = bench.run("workloads/bench/bytes.json")
    for identity, limit, churn in (("map/sharded", 40, None), ("map/chain", 56, 1.3)):
        memory = cell_of(result, identity)["memory"][0]
        fill = memory["structure_bytes_fill"] / memory["elements_fill"]
        after = memory["structure_bytes_churn"] / memory["elements_churn"]
        page.add(f"`{identity}`: structure bytes an entry, {memory['elements_fill']:,} entries, filled", f"<= {limit}", f"{fill:.1f}", fill <= limit, command)
        if churn:
            page.add("... after 10,000,000 operations", f"<= {churn}x that", f"{after:.1f} ({after / fill:.2f}x)", after <= churn * fill, command)


def allocators(bench, page):
    command, result = bench.run("workloads/bench/blocks.json")
    for identity in ("alloc/slab", "alloc/pool"):
        at, low, high = ratio(result, "alloc/libc", identity)
        page.add(f"`{identity}` against `alloc/libc`, 64-byte pairs, shuffled, 100,000 live", ">= 2x", f"{at:.2f}x [{low:.2f}, {high:.2f}]", at >= 2, command)
    command, result = bench.run("workloads/bench/build-and-drop.json")
    at, low, high = ratio(result, "alloc/libc", "alloc/arena")
    page.add("`alloc/arena` against `alloc/libc`, build and drop", ">= 2x", f"{at:.2f}x [{low:.2f}, {high:.2f}]", at >= 2, command)


def wrappers(bench, page):
    """What counting adds to a call, by the number of threads that have PUs of their own."""
    bare, counted = "alloc/libc", "alloc/metrics(alloc/libc)"
    command, result = bench.run("workloads/alloc/wrappers.json", "--impl", bare, "--impl", counted)
    for threads in sorted({cell["threads"] for cell in result["cells"] if not cell["oversubscribed"]}):
        cells = {cell["identity"]: cpu_ns(cell) for cell in result["cells"] if cell["threads"] == threads and not cell["skipped"]}
        name = next(identity for identity in cells if identity.startswith("alloc/metrics"))
        values = sorted((cells[name][p] - cells[bare][p]) / 2 for p in cells[name] if p in cells[bare])
        at = statistics.median(values)
        page.add(f"`alloc/metrics` adds to a call, {threads} thread{'s' * (threads > 1)}", "<= 3 ns",
                 f"{at:.2f} ns [{values[0]:.2f}, {values[-1]:.2f}]", at <= 3, command)


def streams(bench, page):
    command, result = bench.run("workloads/bench/streams.json")
    labels = sorted({cell["label"] for cell in result["cells"]}, key=lambda label: int(label.split("=")[1]))
    for identity in ("map/sharded", "map/chain"):
        short, long = (cpu_ns(cell_of(result, identity, label)) for label in labels)
        values = sorted(long[p] / short[p] for p in short if p in long)
        at = statistics.median(values)
        page.add(f"`{identity}`: doubling the stream moves its ns an operation by", "<= 3%",
                 f"{100 * (at - 1):+.1f}% [{100 * (values[0] - 1):+.1f}, {100 * (values[-1] - 1):+.1f}]",
                 True if abs(at - 1) <= 0.03 else None if values[0] < 1 < values[-1] else False, command)


def timed(bench, page, what, limit_s, command, *words):
    seconds = []
    for _ in range(5):
        begun = time.monotonic()
        subprocess.run([bench.tool, *words], cwd=TOP, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.monotonic() - begun)
    at = statistics.median(seconds)
    page.add(what, f"< {limit_s * 1000:.0f} ms", f"{at * 1000:.0f} ms (wall, median of 5)", at < limit_s, command)


def tool(bench, page):
    big = os.path.join(bench.folder, "big.json")
    with open("workloads/quickstart.json" if os.path.exists("workloads/quickstart.json") else os.path.join(TOP, "workloads/quickstart.json"), encoding="utf-8") as small:
        workload = json.load(small)
    workload["sweep"] = {"keys.count": [1000 + i for i in range(4096)]}
    workload["expect"] = [{"id": f"claim-{i}", "claim": "x" * 80} for i in range(90000)]
    with open(big, "w", encoding="utf-8") as out:
        json.dump(workload, out, indent=1)
    size = os.path.getsize(big) / 1e6
    timed(bench, page, f"a workload file of {size:.1f} MB is validated", 1.0, "memkit-bench validate BIG.json", "validate", big)
    timed(bench, page, "`memkit-bench list`", 0.05, "memkit-bench list", "list")
    cells = os.path.join(bench.folder, "cells.json")
    workload = {"schema": "memkit.workload/1", "name": "cells", "kind": "map", "impls": ["map/*[*]"], "threads": [1, 2, 4, 8],
                "keys": {"count": 1000}, "ops": {"get": 1}, "sweep": {"keys.count": [1000 + i for i in range(320)]}}
    with open(cells, "w", encoding="utf-8") as out:
        json.dump(workload, out)
    plan = json.loads(subprocess.run([bench.tool, "plan", cells, "--json"], capture_output=True, text=True, check=True).stdout)
    timed(bench, page, f"a plan of {len(plan['cells']):,} cells", 1.0, "memkit-bench plan CELLS.json", "plan", cells)


def judging(bench, page):
    command = "build/release/bench/judge_history"
    lines = says(os.path.join(bench.build, "bench/judge_history"))
    at = next(float(line.split()[1]) for line in lines if line.endswith("ns an operation"))
    page.add("recording a history: ns an operation", "<= 60", f"{at:.0f}", at <= 60, command)
    for verdict in ("linearizable", "not linearizable"):
        seconds = [float(line.split(": ")[1].split()[0]) for line in lines if line.endswith(" s, " + verdict)]
        page.add(f"judging a map history of 1,000,000 operations by 8 threads, {verdict}: s", "<= 1",
                 f"{min(seconds):.2f} to {max(seconds):.2f} (1 to 10,000 keys)", max(seconds) <= 1, command)
    rows = [line.split() for line in says(os.path.join(bench.build, "bench/judge_monitor"))]
    for kind in ("queue", "stack"):
        # kind, course in two words, operations, threads, seconds, seconds of a violated one
        seconds = [float(word) for row in rows if row[:1] == [kind] and row[3] == "100000" for word in row[5:7]]
        page.add(f"judging a {kind} history of 100,000 operations: s", "<= 1", f"{min(seconds):.2f} to {max(seconds):.2f}",
                 max(seconds) <= 1, "build/release/bench/judge_monitor")


def sanitized(bench, page):
    """Every implementation, every oracle at least once, under ThreadSanitizer."""
    begun, findings, unchecked, trials = time.monotonic(), 0, 0, 0
    for kind in stress_kinds():
        out = os.path.join(bench.folder, "stress.json")
        words = ["stress", f"workloads/stress/{kind}.json", "--flavour", "tsan", "--quiet", "-o", out]
        print("bench: memkit-bench", *words[:-2], file=sys.stderr, flush=True)
        run = subprocess.run([bench.tool, *words], cwd=TOP, check=False)
        if run.returncode not in (0, 4):
            sys.exit(f"bench: stress: status {run.returncode} (make FLAVOUR=tsan)")
        with open(out, encoding="utf-8") as made:
            result = json.load(made)
        findings += len(result["findings"])
        trials += sum(trial["trials"] for trial in result["trials"])
        unchecked += sum(not trial["trials"] and not trial.get("skipped") for trial in result["trials"])
    spent = time.monotonic() - begun
    page.add("every implementation under ThreadSanitizer, default stress workloads: reports", "0 in 600 s",
             f"{findings} in {spent:.0f} s ({trials} trials, no suppressions)", not findings and not unchecked and spent <= 600,
             "memkit-bench stress workloads/stress/{" + ",".join(stress_kinds()) + "}.json --flavour tsan")


def hashes(bench, _):
    """Quality, which is the same on every machine: a page of its own."""
    program = os.path.join(bench.build, "bench/judge_hashes")
    with open(os.path.join(TOP, "docs/hashes.md"), "w", encoding="utf-8") as out:
        out.write("\n".join(says(program)))
