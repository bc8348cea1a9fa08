#!/usr/bin/python3
"""Draws what a trace of allocations looks like: live bytes and blocks over time, sizes, lifetimes.

    memkit-bench trace info --json FILE | plot_trace.py - [-o FOLDER]

Reads what `trace info --json` prints and nothing else. The chart is written as .svg and .png; the same trace gives
the same bytes."""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True  # beside an installed script nothing is to appear
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from plot_frame import format_bytes, format_ns, format_number, tidy, wrap

BYTES_COLOUR, BLOCKS_COLOUR, BAR_COLOUR = "#0072b2", "#d55e00", "#56b4e9"


class Trouble(Exception):
    """What is to be told to the user."""


def load(path):
    try:
        if path == "-":
            info = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                info = json.load(file)
    except ValueError as error:
        raise Trouble("%s: this is not what `memkit-bench trace info --json TRACE` prints (a trace itself is not): %s"
                      % (path, error)) from error
    if not isinstance(info, dict) or info.get("format") != "memkit.trace/1":
        raise Trouble("%s: this is not what `memkit-bench trace info --json` prints of a trace of allocations" % path)
    return info


def draw_live(axes, info):
    """Bytes on the left, blocks on the right, both from zero."""
    points = info["live"]
    times = [time / 1e9 for _, time, _, _ in points]
    axes.step(times, [live for _, _, live, _ in points], where="post", color=BYTES_COLOUR, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("live bytes", color=BYTES_COLOUR, fontsize=8.5)
    axes.yaxis.set_major_formatter(format_bytes)
    axes.set_xlabel("seconds since the recording began", fontsize=8.5)
    tidy(axes)
    right = axes.twinx()
    right.step(times, [blocks for _, _, _, blocks in points], where="post", color=BLOCKS_COLOUR, linewidth=1)
    right.set_ylim(bottom=0)
    right.set_ylabel("live blocks", color=BLOCKS_COLOUR, fontsize=8.5)
    right.yaxis.set_major_formatter(lambda value, _: format_number(value))
    right.tick_params(labelsize=8)
    right.spines["top"].set_visible(False)
    axes.set_title("what is live: at most %s in %s blocks" % (format_bytes(info["peak_live_bytes"]),
                                                            format_number(info["peak_live_bytes_blocks"])),
                   fontsize=9, loc="left")


def draw_histogram(axes, buckets, title, formatter):
    """Shares of buckets by powers of two; buckets: [smallest, count]."""
    total = sum(count for _, count in buckets) or 1
    places = [low.bit_length() for low, _ in buckets]
    axes.bar(places, [100 * count / total for _, count in buckets], width=0.9, color=BAR_COLOUR)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_ylabel("share, %", fontsize=8.5)
    axes.set_xlabel("from ... to below twice as much", fontsize=8.5)
    tidy(axes)
    if places:
        wanted = range(min(places), max(places) + 1)
        shown = [place for place in wanted if (place - wanted[0]) % (1 + len(wanted) // 10) == 0]
        axes.set_xticks(shown, [formatter(1 << (place - 1) if place else 0) for place in shown], rotation=45, ha="right")


def draw(info):
    from matplotlib.figure import Figure
    figure = Figure(figsize=(10, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    draw_live(figure.add_subplot(grid[0, :]), info)
    draw_histogram(figure.add_subplot(grid[1, 0]), info["sizes"],
                   "sizes of %s allocations" % format_number(info["allocations"]), format_bytes)
    draw_histogram(figure.add_subplot(grid[1, 1]), info["lifetimes_allocations"],
                   "lifetimes, in allocations by all threads meanwhile", format_number)
    frees = info["frees"] or 1
    figure.suptitle(wrap("Allocations of: %s" % (info["command"] or "unknown"), 120), fontsize=10, x=0.01, ha="left")
    notes = ["%s events of %d thread%s in %s; %.1f %% of the frees are of another thread's blocks." % (
        format_number(info["events"]), len(info["threads"]), "" if len(info["threads"]) == 1 else "s",
        format_ns(info["duration_ns"]), 100 * info["crossing_frees"] / frees)]
    if not info["whole"]:
        notes.append("Something is missing from this trace: `memkit-bench trace verify` says what.")
    notes.append("Source: %s, %s, %s." % (os.path.basename(info["file"]), info["date"], info["machine"]))
    figure.supxlabel("\n".join(wrap(note, 150) for note in notes), fontsize=7.5, x=0.01, ha="left", color="#444444")
    return figure


def main(arguments):
    parser = argparse.ArgumentParser(description="Draws a trace of allocations, as `trace info --json` prints it.")
    parser.add_argument("info", metavar="INFO.json", help="- is standard input")
    parser.add_argument("-o", "--output", default="plots", metavar="FOLDER", help="where the chart goes (default: plots)")
    options = parser.parse_args(arguments)
    try:
        import matplotlib
    except ImportError:
        print("plot_trace.py: matplotlib is not there: install python3-matplotlib (apt)", file=sys.stderr)
        return 2
    matplotlib.rcParams.update({"svg.hashsalt": "memkit", "font.family": "DejaVu Sans"})
    try:
        info = load(options.info)
        figure = draw(info)
        os.makedirs(options.output, exist_ok=True)
        stem = os.path.join(options.output, os.path.basename(info["file"]).removesuffix(".trace") + "-live")
        figure.savefig(stem + ".svg", metadata={"Date": None})
        figure.savefig(stem + ".png", dpi=150, metadata={"Software": None})
    except (Trouble, OSError) as trouble:
        print("plot_trace.py: %s" % trouble, file=sys.stderr)
        return 2
    print(stem + ".svg\n" + stem + ".png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
