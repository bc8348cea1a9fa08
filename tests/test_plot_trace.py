"""test_plot_trace.py - scripts/plot_trace.py: a chart of what `trace info --json` prints, the same each time; anything else is
refused with a sentence."""
import importlib.util
import json
import os
import subprocess
import sys

from bench_case import TOP, contains, equal, main

SCRIPT = os.path.join(TOP, "scripts/plot_trace.py")
INFO = {"format": "memkit.trace/1", "file": "x/some.trace", "whole": True, "command": "some program", "date": "2026-01-01T00:00:00Z",
        "machine": "any", "events": 4, "duration_ns": 3000, "allocations": 2, "frees": 1, "crossing_frees": 1,
        "peak_live_bytes": 300, "peak_live_bytes_blocks": 2, "sizes": [[0, 1], [256, 1]], "lifetimes_allocations": [[1, 1]],
        "live": [[0, 0, 100, 1], [1, 2000, 300, 2], [3, 3000, 200, 1]], "threads": [3, 1]}


def plot(case, info, name="info.json", folder="plots"):
    words = [sys.executable, SCRIPT, case.file(name, info), "-o", os.path.join(case.folder, folder)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def drawn(case, folder="plots"):
    with open(os.path.join(case.folder, folder, "some-live.svg"), encoding="utf-8") as made:
        return made.read()


def test_a_chart_shows_what_is_live(case):
    if not importlib.util.find_spec("matplotlib"):
        return "matplotlib is not installed"
    for folder in "plots", "again":
        run = plot(case, INFO, folder=folder)
        equal(run.returncode, 0, run.stderr)
        contains(run.stdout, "some-live.svg", "some-live.png")
    equal(drawn(case), drawn(case, "again"))
    contains(drawn(case), "Allocations of: some program", "what is live: at most 300 B in 2 blocks", "100.0 % of the frees")
    equal(plot(case, dict(INFO, whole=False)).returncode, 0)
    contains(drawn(case), "Something is missing")
    equal(plot(case, dict(INFO, live=[], sizes=[], lifetimes_allocations=[], frees=0)).returncode, 0)
    return None


def test_anything_else_is_refused(case):
    if not importlib.util.find_spec("matplotlib"):
        return "matplotlib is not installed"
    for info in json.dumps({"schema": "memkit.result/1"}), "[1]", "no JSON":
        run = plot(case, info)
        equal(run.returncode, 2)
        contains(run.stderr, "plot_trace.py: ", "info.json")
    return None


if __name__ == "__main__":
    sys.exit(main(globals()))
