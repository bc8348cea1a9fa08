#!/usr/bin/python3
"""Makes the result files that tests read: invented figures, no measurement. `make_results.py FOLDER`
writes all of them; those kept beside this file are the ones that the C tests read. The same call
gives the same bytes: a linear congruential generator seeded by the cell is all the chance there is."""
import json
import os
import sys

PROCESSES = 6
NAMES = ["map/alpha", "map/beta[shards=4]", "map/gamma+reclaim/one", "map/delta", "map/epsilon+hash/two",
         "map/zeta[lock=seqlock]", "map/eta", "map/theta[shards=64]+reclaim/three+hash/two"]


class Chance:
    def __init__(self, *seed):
        self.state = 12345
        for part in seed:
            for byte in str(part).encode():
                self.state = (self.state * 1000003 + byte) % 2**64

    def around(self, value, spread):
        """value, changed by at most the given share."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return value * (1 + spread * (2 * (self.state >> 11) / 2**53 - 1))


def bin_of(ns):
    """Index of a latency bin, as docs and harness/hist.h say."""
    shift = max(0, ns.bit_length() - 1 - 7)
    return shift * 128 + (ns >> shift)


def round_of(chance, process, threads, cpu_ns, overlap, counters, number=0):
    """One timed round of 20 ms; cpu_ns: CPU time an operation of one thread."""
    samples = []
    for thread in range(threads):
        wall = 20_000_000
        cpu = int(chance.around(wall * overlap, 0.004))
        ops = int(cpu / chance.around(cpu_ns, 0.01))
        gets = ops * 9 // 10
        samples.append({"thread": thread, "pu": thread, "pu_end": thread, "pinned": True, "start_skew_ns": 40,
                        "ops": ops, "wall_ns": wall, "cpu_ns": min(cpu, wall),
                        "involuntary_switches": 0 if overlap > 0.9 else 30,
                        "attempted": [gets, ops - gets], "hits": [gets // 2, (ops - gets) // 2]})
    total = sum(sample["ops"] for sample in samples)
    return {"process": process, "round": number, "phase": 0, "sort": "timed", "count_before": 10000,
            "count_after": 10000, "expected_hits": [sum(s["hits"][i] for s in samples) for i in (0, 1)],
            "expected_count": 10000, "threads": samples,
            "counters": [dict(name=name, event="test::" + name, backend="perf", value=int(total * rate))
                         if rate is not None else
                         dict(name=name, value=None, unavailable="this machine shows no PMU to its guests")
                         for name, rate in counters.items()]}


def latency_of(chance, process, time, op, typical_ns):
    """A body within 20 % of the typical time, a tail of a hundredth ten times as long, one stall."""
    bins = {}
    values = [int(chance.around(typical_ns, 0.2)) for _ in range(200)]
    values += [int(chance.around(10 * typical_ns, 0.5)) for _ in range(4)]
    values.append(int(chance.around(4_000_000, 0.3)))
    for value in values:
        bins[bin_of(value)] = bins.get(bin_of(value), 0) + 1
    return {"process": process, "phase": 0, "group": 0, "op": op, "time": time, "count": len(values),
            "max_ns": max(values), "bin": sorted(bins), "bin_count": [bins[key] for key in sorted(bins)]}


def memory_of(bytes_per_element, elements):
    total = int(bytes_per_element * elements)
    return {"elements_fill": elements, "requested_bytes_fill": total * 9 // 10, "structure_bytes_fill": total,
            "rss_bytes_fill": total + 8192, "elements_churn": elements,
            "requested_bytes_churn": total, "structure_bytes_churn": total * 23 // 20, "rss_bytes_churn": None,
            "requested_bytes_drain": 0, "structure_bytes_drain": 4096, "peak_bytes": total * 5 // 4,
            "minor_faults": total // 4096, "unreclaimed": None, "peak_unreclaimed": None,
            "peak_unreclaimed_bytes": None, "allocator": "alloc/test"}


class Result:
    """A result file in the making."""

    def __init__(self, name, about, points=("",), counters=None, response=False, latency=True, rounds=1):
        self.counters = counters or {}
        self.response, self.latency, self.rounds = response, latency, rounds
        reason = "this machine shows no PMU to its guests" if None in self.counters.values() else None
        self.file = {
            "schema": "memkit.result/1", "complete": True,
            "workload": {"schema": "memkit.workload/1", "name": name, "about": about, "kind": "map"},
            "plan": {"digest": "0x00000000000000aa", "kind": "map", "pin": "compact", "processes": PROCESSES,
                     "rounds": rounds, "shards": 1, "shards_here": [1], "expected_s": 12.5},
            "context": {"version": "0.0.0", "commit": "0" * 40, "dirty": False, "compiler": "gcc (test data)",
                        "flags": "-O2", "flavour": "release", "untrustworthy": None, "hwloc_version": "2.9.0",
                        "papi_version": "", "cjson_version": "1.7.15", "seed": 18446744073709551615,
                        "argv": ["memkit-bench", "run", name + ".json"], "start_utc": "2026-11-21T08:00:00Z",
                        "end_utc": "2026-11-21T08:01:00Z", "machine_text": "invented machine, 4 cores, 4 PUs",
                        "machine": {"synthetic": "pack:1 core:4 pu:1", "thissystem": True, "cores": 4, "pus": 4},
                        "environment": {"facts": [
                            {"name": "governor", "value": None, "unit": None, "warning": None, "remedy": None},
                            {"name": "load", "value": "4.5", "unit": None, "warning": "other programs run",
                             "remedy": "stop them"}]}},
            "warnings": [{"about": "load", "text": "other programs run", "remedy": "stop them"}],
            "counters": {"asked": "auto", "reason": reason, "remedy": reason and "run on bare metal"},
            "ops": ["get", "put"],
            "points": [{"label": point, "value_bytes": 8, "fresh": False,
                        "phases": [{"name": "run", "paced": response}]} for point in points],
            "groups": [], "cells": []}

    def group(self, threads, point=0):
        label = self.file["points"][point]["label"]
        self.file["groups"].append({"point": point, "threads": threads, "oversubscribed": threads > 4,
                                    "label": label, "pus": list(range(threads))})

    def cell(self, identity, cpu_ns, floor=False, overlap=1.0, bytes_per_element=0, skipped=None, failed=None,
             unchecked=None):
        group = self.file["groups"][-1]
        number = len(self.file["cells"])
        cell = {"index": number, "group": len(self.file["groups"]) - 1, "identity": identity,
                "label": group["label"], "value_bytes": 8, "threads": group["threads"], "floor": floor,
                "oversubscribed": group["oversubscribed"], "skipped": skipped, "seed": 1000 + number,
                "rounds": [], "latencies": [], "memory": [], "checks": [], "verdict": "pass", "reasons": []}
        self.file["cells"].append(cell)
        if skipped:
            self.judge(cell, "skipped", "not_run", skipped)
            return
        for process in range(PROCESSES):
            # a process's placement moves all of its rounds
            chance = Chance(identity, number, process)
            own_ns = chance.around(cpu_ns, 0.03)
            cell["rounds"] += [round_of(chance, process, group["threads"], own_ns, overlap, self.counters, number)
                               for number in range(self.rounds)]
            if self.latency:
                cell["rounds"].append({"process": process, "round": self.rounds, "sort": "latency",
                                       "latency_probe_ns": 28.5})
                cell["latencies"].append(latency_of(chance, process, "service", "get", 30 + 2 * cpu_ns))
                if self.response:
                    cell["latencies"].append(latency_of(chance, process, "response", "get", 60 + 9 * cpu_ns))
        if bytes_per_element:
            cell["memory"].append(memory_of(bytes_per_element, 10000))
        if not floor:
            cell["checks"].append({"process": 0, "verdict": "pass", "check": "contents", "detail": "equal"})
        if failed:
            cell["checks"].append({"process": 1, "verdict": "fail", "check": "contents", "detail": failed})
            self.judge(cell, "fail", "contents", "contents: " + failed)
        if overlap < 0.95 and group["threads"] > 1 and not group["oversubscribed"]:
            self.judge(cell, "untrustworthy", "contended", "contended: invented")
        if unchecked:
            cell["checks"].append({"verdict": "unchecked", "check": unchecked})
            self.judge(cell, "unchecked", unchecked, unchecked)

    @staticmethod
    def judge(cell, verdict, rule, text):
        cell["reasons"].append({"verdict": verdict, "rule": rule, "text": text})
        if len(cell["reasons"]) == 1:
            cell["verdict"] = verdict


def scaled(first_ns, threads, friction):
    """CPU time an operation of one thread among `threads`, each further one adding its friction."""
    return first_ns * (1 + friction * (threads - 1))


def make_one():
    """One implementation and its floor, one to four threads, nothing but throughput."""
    result = Result("test-one", "test data: one implementation", counters={"llc_miss": None}, latency=False)
    for threads in (1, 2, 4):
        result.group(threads)
        result.cell("map/alpha", scaled(24, threads, 0.05))
        result.cell("map/null", 1.1, floor=True)
    return result.file


def make_three():
    """Three implementations with everything: a failed cell, a contended one, a skip, a counter without
    a value; alpha and beta cannot be told apart with one thread."""
    result = Result("test-three", "test data: three implementations", counters={"l1d_miss": 1.25, "llc_miss": None},
                    rounds=2)
    for threads in (1, 2, 4):
        result.group(threads)
        result.cell("map/alpha", scaled(24, threads, 0.05), bytes_per_element=48, unchecked="walk")
        result.cell("map/beta[shards=4]", scaled(24.1, threads, 0.4), bytes_per_element=36,
                    overlap=0.8 if threads == 4 else 1.0)
        result.cell("map/gamma+reclaim/one", scaled(40, threads, 0.1), bytes_per_element=64,
                    failed="key 17 was lost" if threads == 2 else None)
        result.cell("map/solo", 0, skipped="not concurrent" if threads > 1 else "needs a part that is not built")
        result.cell("map/null", 1.1, floor=True)
    return result.file


def make_eight():
    """Eight implementations, up to twice the PUs."""
    result = Result("test-eight", "test data: eight implementations", counters={"instructions": 40.0})
    for threads in (1, 2, 4, 8):
        result.group(threads)
        for number, name in enumerate(NAMES):
            result.cell(name, scaled(18 + 5 * number, threads, 0.03 * (8 - number)),
                        bytes_per_element=24 + 9 * number)
        result.cell("map/null", 1.1, floor=True)
    return result.file


def make_sweep():
    """Two implementations over five sizes and two numbers of threads, open loop."""
    sizes = (1000, 10000, 100000, 1000000, 10000000)
    result = Result("test-sweep", "test data: a sweep, open loop", response=True,
                    points=["keys.count=%d" % size for size in sizes])
    for point, size in enumerate(sizes):
        for threads in (1, 2):
            result.group(threads, point)
            result.cell("map/alpha", scaled(15 + 9 * point, threads, 0.05), bytes_per_element=48)
            result.cell("map/beta[shards=4]", scaled(28 + 4 * point, threads, 0.3), bytes_per_element=36)
            result.cell("map/null", 1.1, floor=True)
    return result.file


# Of as many names as a tree has, some of them long.
MANY = ["map/%s%s" % (name, part) for part in ("", "[shards=64]", "+reclaim/three", "+reclaim/three+hash/two")
        for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")][:25]


def make_many():
    """25 implementations, up to twice the PUs."""
    result = Result("test-many", "test data: as many implementations as there may be")
    for threads in (1, 2, 4, 8):
        result.group(threads)
        for number, name in enumerate(MANY):
            result.cell(name, scaled(18 + 3 * number, threads, 0.03), bytes_per_element=24 + 2 * number,
                        overlap=0.8 if number == 7 and threads == 2 else 1.0,
                        failed="key 17 was lost" if number == 5 else None,
                        skipped="not concurrent" if number == 3 and threads > 1 else None)
        result.cell("map/null", 1.1, floor=True)
    return result.file


def garbage_of(chance, kept, stall=(150, 250), end=400):
    """What a reader saw that stood still meanwhile; kept: nodes, as a function of the ms it has stood."""
    looks = range(0, end, 1)
    nodes = [int(chance.around(kept(min(max(0, at - stall[0]), stall[1] - stall[0]) if at < stall[1] + 20 else 0), 0.1))
             for at in looks]
    return {"thread": 0, "every_ns": 1_000_000, "at_ns": [at * 1_000_000 for at in looks], "nodes": nodes,
            "bytes": [16 * count for count in nodes], "stall_begin_ns": [stall[0] * 1_000_000],
            "stall_end_ns": [stall[1] * 1_000_000]}


def make_stalled(names=("reclaim/alpha", "reclaim/beta", "reclaim/gamma[fence=sym]"), threads=(2,)):
    """A reader that stands still for 100 ms; every second reclaimer keeps no more than before."""
    result = Result("test-stalled", "test data: a reader that stands still", latency=False)
    result.file["workload"]["kind"] = result.file["plan"]["kind"] = "reclaim"
    for count in threads:
        result.group(count)
        for number, name in enumerate(names):
            bounded = number % 2 == 1
            result.cell(name, 20 + number)
            cell = result.file["cells"][-1]
            cell["unbounded"] = not bounded
            for sample in cell["rounds"]:
                chance = Chance(name, sample["process"])
                seen = garbage_of(chance, lambda stood, most=40 + 5 * number, grows=not bounded:
                                  most + (1000 * stood if grows else 0))
                sample.update(garbage=[seen], peak_unreclaimed=max(seen["nodes"]),
                              peak_unreclaimed_bytes=max(seen["bytes"]))
        result.cell("reclaim/null", 1.1, floor=True)
    return result.file


def make_course(names=("alloc/alpha", "alloc/beta[size=4]", "alloc/gamma"), kept=0, threads=2):
    """What three allocators make of memory: one gives back at once, one later, one keeps it all."""
    result = Result("test-course", "test data: resident bytes over a course")
    result.file["workload"]["kind"] = result.file["plan"]["kind"] = "alloc"
    result.group(threads)
    live = [min(step, 16) * 500_000 for step in range(65)]
    for number, name in enumerate(names):
        result.cell(name, 20 + number, bytes_per_element=50 + number)
        rss = [int(value * (1.1 + 0.2 * number)) + 100_000 for value in live]
        after = [rss[-1] // 10 + kept, rss[-1] // 10 + kept, rss[-1] // 10 + kept]
        if number % 3:
            after[0] = rss[-1]
        if number % 3 == 2:
            after = [rss[-1]] * 3
        for memory in result.file["cells"][-1]["memory"]:
            memory.update(peak_live_bytes=max(live), peak_rss_bytes=max(rss), course_ops=[1000 * step for step in range(65)],
                          course_live_bytes=live, course_rss_bytes=rss, drain_live_bytes=kept,
                          drain_at_ns=[200, 100_000_500, 1_000_001_000], drain_rss_bytes=after)
    result.cell("alloc/null", 1.1, floor=True)
    return result.file


def make_doubling(names=("map/alpha", "map/beta[shards=4]", "map/gamma+reclaim/one"), sizes=8):
    """Eight sizes over a doubling: tables that double at different sizes, one whose bytes nobody sees."""
    counts = [round(2**(17 + number / sizes)) for number in range(sizes)]
    result = Result("test-doubling", "test data: bytes over a doubling", latency=False,
                    points=["keys.count=%d" % count for count in counts])
    for point, count in enumerate(counts):
        result.group(1, point)
        for number, name in enumerate(names):
            table = 2 if (point + 3 * number) % sizes >= sizes // 2 else 1
            result.cell(name, 20 + number, bytes_per_element=24 + number + 65536 * 16 * table / count)
            for memory in result.file["cells"][-1]["memory"]:
                for key in memory:
                    if memory[key] and key != "allocator":
                        memory[key] = memory[key] * (count // 2) // 10000
        result.cell("map/unseen", 30, bytes_per_element=0.001)
        result.cell("map/null", 1.1, floor=True)
    return result.file


MAKERS = {"result_one.json": make_one, "result_three.json": make_three, "result_eight.json": make_eight,
          "result_sweep.json": make_sweep}


def text_of(name):
    """The bytes of one file: a line a cell's sample, so that a difference can be read."""
    text = json.dumps(MAKERS[name](), separators=(",", ":"))
    return text.replace('{"process"', '\n{"process"') + "\n"


def main(folder):
    for name in MAKERS:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text_of(name))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_results.py FOLDER")
    main(sys.argv[1])
