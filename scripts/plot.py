#!/usr/bin/python3
"""Draws what result files hold: throughput by threads or by what was swept, latency percentiles, bytes per
element, also over the number of entries, memory against speed, what is resident of an allocator beside what is
live, what waits to be freed beside a reader that stands still, and a table of implementations by workloads. Reads result files (memkit.result/1) and nothing else;
fields it does not know are passed over.

    plot.py RESULT.json... [-o FOLDER]

Every chart is written as .svg and .png; the same results give the same bytes. What failed its check is left out,
and the chart says so; what is untrustworthy has hollow marks. Several results have one table together."""
import argparse
import os
import sys

sys.dont_write_bytecode = True  # beside an installed plot.py nothing is to appear
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from plot_garbage import draw_garbage
from plot_heat import draw_heat
from plot_memory import draw_memory, draw_scatter, draw_sizes
from plot_resident import draw_resident
from plot_result import BYTES, Result, Trouble
from plot_speed import draw_latency, draw_sweep, draw_throughput

CHARTS = {"throughput": draw_throughput, "sweep": draw_sweep, "latency": draw_latency, "memory": draw_memory,
          "memory-speed": draw_scatter, "memory-size": draw_sizes, "resident": draw_resident, "garbage": draw_garbage}


def save(figure, path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    figure.savefig(path + ".svg", metadata={"Date": None})
    figure.savefig(path + ".png", dpi=150, metadata={"Software": None})
    return [path + ".svg", path + ".png"]


def draw(result, folder, heat):
    """Draws the charts of one result, its own table with them if heat; yields the files written."""
    charts = dict(CHARTS, heat=lambda only: draw_heat([only])) if heat else CHARTS
    drawn = 0
    for name, chart in charts.items():
        figure = chart(result)
        if figure is not None:
            drawn += 1
            yield from save(figure, os.path.join(folder, result.stem + "-" + name))
    if not drawn:
        raise Trouble("%s: it holds no figures that could be drawn" % result.path, 3)


def draw_all(results, folder):
    """Charts of each, and one table of all; yields the files written."""
    for result in results:
        yield from draw(result, folder, len(results) == 1)
    figure = draw_heat(results) if len(results) > 1 else None
    if figure is not None:
        yield from save(figure, os.path.join(folder, "heat"))


def main(arguments):
    parser = argparse.ArgumentParser(description="Draws throughput, latency and memory of results of memkit-bench.")
    parser.add_argument("results", nargs="+", metavar="RESULT.json")
    parser.add_argument("-o", "--output", default="plots", metavar="FOLDER",
                        help="where charts go (default: plots)")
    parser.add_argument("--bytes", choices=BYTES, default=BYTES[0],
                        help="which bytes charts of memory show (default: %(default)s); libraries are to be compared "
                        "by rss")
    options = parser.parse_args(arguments)
    try:
        import matplotlib
    except ImportError:
        print("plot.py: matplotlib is not there: install python3-matplotlib (apt), or use memkit-bench's --csv",
              file=sys.stderr)
        return 2
    matplotlib.rcParams.update({"svg.hashsalt": "memkit", "font.family": "DejaVu Sans", "axes.titlesize": 9})
    try:
        for file in draw_all([Result(path, options.bytes) for path in options.results], options.output):
            print(file)
    except Trouble as trouble:
        print("plot.py: %s" % trouble, file=sys.stderr)
        return trouble.status
    except OSError as error:
        print("plot.py: %s" % error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
