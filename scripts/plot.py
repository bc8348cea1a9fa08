#!/usr/bin/python3
"""Draws what a result file holds: throughput by threads or by what was swept, latency percentiles,
bytes per element, and memory against speed. Reads result files (memkit.result/1) and nothing else;
fields it does not know are passed over.

    plot.py RESULT.json... [-o FOLDER]

Every chart is written as .svg and .png; the same result gives the same bytes. What failed its check
is left out, and the chart says so; what is untrustworthy has hollow marks."""
import argparse
import json
import math
import os
import sys

HIST_BITS = 7  # of the latency bins, see "bin" in the schema
CONFIDENCE = 0.95
PERCENTILES = (50, 90, 99, 99.9, 100)
# Okabe and Ito's colours, told apart by all kinds of sight; their yellow, darker, to be seen on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00", "#B8A800")
MARKERS = "osD^vP*X"
FLOOR_COLOUR = "#888888"
LABELS_MAX = 4  # implementations that are named at their line; more have a legend
PANELS_MAX = 6


class Trouble(Exception):
    """What a person has to be told; .status is the exit status."""

    def __init__(self, text, status=2):
        super().__init__(text)
        self.status = status


# ---- figures from samples: the same rules as the table's -------------------------------------------

def median(values):
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def interval(values):
    """(median, lower, upper): order statistics that hold the true median with CONFIDENCE, or smallest
    to largest where there are too few; None without values."""
    if not values:
        return None
    values, n = sorted(values), len(values)
    rank, below = 0, 0.5**n  # below: chance of at most `rank` heads in n throws
    while rank + 1 < n - rank - 1 and 1 - 2 * (below + math.comb(n, rank + 1) * 0.5**n) >= CONFIDENCE:
        rank += 1
        below += math.comb(n, rank) * 0.5**n
    return median(values), values[rank], values[n - 1 - rank]


def mops_of(sample):
    """10^6 operations a second of wall time, from the first start to the last end; None without."""
    threads = [thread for thread in sample.get("threads", []) if thread.get("ops")]
    if not threads:
        return None
    begin = min(thread.get("start_skew_ns", 0) for thread in threads)
    end = max(thread.get("start_skew_ns", 0) + thread["wall_ns"] for thread in threads)
    return sum(thread["ops"] for thread in threads) * 1e3 / (end - begin) if end > begin else None


def throughput(cell, phase):
    """(median, lower, upper) over processes, each the median of its rounds; None without."""
    processes = {}
    for sample in cell.get("rounds", []):
        if sample.get("phase", 0) != phase or sample.get("sort", "timed") != "timed":
            continue
        mops = mops_of(sample)
        if mops is not None:
            processes.setdefault(sample.get("process", 0), []).append(mops)
    return interval([median(rounds) for rounds in processes.values()])


def bin_middle_ns(index):
    octave = index >> HIST_BITS
    shift = octave - 1 if octave else 0
    lowest = (index - (shift << HIST_BITS)) << shift
    return lowest + ((1 << shift) - 1) // 2


def percentile(samples, percent):
    """Nearest rank over all histograms given, ns."""
    counts = {}
    for sample in samples:
        for index, count in zip(sample["bin"], sample["bin_count"]):
            counts[index] = counts.get(index, 0) + count
    total, highest = sum(counts.values()), max(sample["max_ns"] for sample in samples)
    rank = max(1, math.ceil(percent * total / 100))
    if rank >= total:
        return highest
    for index in sorted(counts):
        rank -= counts[index]
        if rank <= 0:
            return min(bin_middle_ns(index), highest)
    return highest


def latency(cell, phase, time):
    """{percent: (median, lower, upper)} over processes; the highest of all for 100; {} without."""
    processes = {}
    for sample in cell.get("latencies", []):
        if sample.get("phase", 0) == phase and sample.get("time") == time and sample.get("count"):
            processes.setdefault(sample.get("process", 0), []).append(sample)
    if not processes:
        return {}
    table = {percent: interval([percentile(samples, percent) for samples in processes.values()])
             for percent in PERCENTILES}
    highest = max(sample["max_ns"] for samples in processes.values() for sample in samples)
    table[100] = (highest, highest, highest)
    return table


def bytes_per_element(cell, when):
    values = []
    for sample in cell.get("memory", []):
        elements, size = sample.get("elements_" + when), sample.get("structure_bytes_" + when)
        if elements and size is not None:
            values.append(size / elements)
    return median(values) if values else None


# ---- results ---------------------------------------------------------------------------------------

class Row:
    """One phase of one cell, with everything that a chart may want."""

    def __init__(self, result, cell, phase, name):
        self.identity = cell["identity"]
        self.threads = cell.get("threads", 1)
        self.oversubscribed = cell.get("oversubscribed", False)
        self.floor = cell.get("floor", False)
        self.verdict = cell.get("verdict", "pass")
        self.reason = cell["reasons"][0].get("rule", "") if cell.get("reasons") else ""
        self.point = result["groups"][cell.get("group", 0)].get("point", 0)
        self.label = result["points"][self.point].get("label") or ""
        self.phase, self.phase_name = phase, name
        self.mops = throughput(cell, phase)
        self.service = latency(cell, phase, "service")
        self.response = latency(cell, phase, "response")
        self.fill = bytes_per_element(cell, "fill")
        self.churn = bytes_per_element(cell, "churn")

    @property
    def hollow(self):
        return self.verdict == "untrustworthy"

    @property
    def memory(self):
        return self.churn if self.churn is not None else self.fill


class Result:
    """A result file: its rows, and how each implementation is to look in all of its charts."""

    def __init__(self, path):
        self.path = path
        self.stem = os.path.splitext(os.path.basename(path))[0]
        file = read(path)
        workload = file.get("workload", {})
        self.name = workload.get("name") or self.stem
        self.about = workload.get("about") or ""
        context = file.get("context", {})
        self.machine = context.get("machine_text") or "machine unknown"
        self.flavour = context.get("flavour") or ""
        self.complete = file.get("complete", True)
        try:
            self.all = [Row(file, cell, phase, name) for cell in file["cells"]
                        if not cell.get("elsewhere") and cell.get("verdict") != "skipped"
                        for phase, name in enumerate(self.phases_of(file, cell))]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise Trouble("%s: not as memkit.result/1 has it (%s: %s)"
                          % (path, type(error).__name__, error)) from error
        self.rows = [row for row in self.all if row.verdict != "fail"]
        self.failed = [row for row in self.all if row.verdict == "fail" and row.phase == 0]
        self.identities = list(dict.fromkeys(row.identity for row in self.all if not row.floor))
        self.processes = file.get("plan", {}).get("processes", 0)

    @staticmethod
    def phases_of(file, cell):
        phases = file["points"][file["groups"][cell.get("group", 0)].get("point", 0)].get("phases") or [{}]
        return [phase.get("name", "") for phase in phases]

    def look(self, identity):
        """Colour, marker and line: no two of the first 32 implementations share all three."""
        number = self.identities.index(identity)
        return {"color": COLOURS[number % len(COLOURS)],
                "marker": MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
                "linestyle": ("-", "--", "-.", ":")[number // len(COLOURS) % 4]}


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise Trouble("%s: %s" % (path, error)) from error
    if not isinstance(result, dict) or result.get("schema") != "memkit.result/1":
        raise Trouble("%s: not a result of memkit-bench (no \"schema\": \"memkit.result/1\")" % path)
    return result


def swept(label):
    """{"keys.count": "1000"} of "keys.count=1000 value_bytes=64"."""
    return dict(part.split("=", 1) for part in label.split(" ") if "=" in part)


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def unique(values):
    return list(dict.fromkeys(values))


def some(values, limit):
    """At most `limit` of them, first and last among them, evenly chosen."""
    if len(values) <= limit:
        return values
    return [values[round(i * (len(values) - 1) / (limit - 1))] for i in range(limit)]


# ---- drawing: what all charts share ----------------------------------------------------------------

def new_figure(result, what, columns=1, rows=1, notes=()):
    """A figure with its title, its notes below, and a list of axes. One panel is wide; several share
    a row."""
    from matplotlib.figure import Figure
    width = 8.5 if columns == 1 else 1.2 + 4.3 * columns
    height = 1.6 + 3.5 * rows
    figure = Figure(figsize=(width, height), layout="constrained")
    title = result.name + (": " + result.about if result.about else "")
    lines = list(notes)
    if result.failed:
        failed = ["%s at %s (%s)" % (row.identity, threads_text(row.threads), row.reason) for row in result.failed]
        lines.append("Left out: " + listing(failed) + ".")
    if not result.complete:
        lines.append("The run was ended before all was measured.")
    if result.flavour not in ("", "release"):
        lines.append("A %s build: its timings mean nothing." % result.flavour)
    fit = int(width * 13)
    figure.suptitle(wrap(title, fit) + "\n" + wrap(what + " — " + result.machine, fit), fontsize=10, x=0.01,
                    ha="left")
    if lines:
        figure.supxlabel("\n".join(wrap(line, int(width * 15)) for line in lines), fontsize=7.5, x=0.01, ha="left",
                         color="#444444")
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, [axes for row in grid for axes in row]


def listing(texts, limit=3):
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (" and %d more" % more if more > 0 else "")


def wrap(text, width):
    """Lines of at most `width` characters, broken at blanks."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = (lines[-1] + " " + word).strip()
    return "\n".join(lines)


def tidy(axes):
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def panel_title(axes, text):
    """Above the panel, and above the floor's note."""
    axes.set_title(text, fontsize=9, loc="left", pad=15)


def threads_text(count):
    return "%d thread%s" % (count, "" if count == 1 else "s")


def mark_of(look, hollow):
    return {"marker": look["marker"], "color": look["color"], "markersize": 6,
            "markerfacecolor": "white" if hollow else look["color"], "markeredgecolor": look["color"]}


def beside(result, axes, identity):
    """A transform that moves an implementation a little to its own side, so that intervals at the same x
    can be seen."""
    from matplotlib.transforms import ScaledTranslation
    place = result.identities.index(identity) - (len(result.identities) - 1) / 2
    step = min(4, 18 / len(result.identities)) / 72
    return axes.transData + ScaledTranslation(place * step, 0, axes.figure.dpi_scale_trans)


def draw_line(result, axes, identity, xs, triples, hollows):
    """A line through medians (broken where a triple is None), an error bar for each interval, hollow marks
    where they are due."""
    look, transform = result.look(identity), beside(result, axes, identity)
    mids = [triple[0] if triple else math.nan for triple in triples]
    axes.plot(xs, mids, color=look["color"], linestyle=look["linestyle"], linewidth=1.4, transform=transform)
    for x, triple, hollow in zip(xs, triples, hollows):
        if triple:
            draw_mark(axes, look, x, triple, hollow, transform=transform)


def draw_mark(axes, look, x, triple, hollow, **more):
    mid, low, high = triple
    axes.errorbar([x], [mid], yerr=[[mid - low], [high - mid]], linestyle="none", capsize=3, elinewidth=1,
                  **mark_of(look, hollow), **more)


def draw_floor(axes, xs, triples, unit):
    """Dashed grey where it fits; a note where it would squash everything else."""
    if not triples:
        return
    mids = [mid for mid, _, _ in triples]
    ceiling = axes.get_ylim()[1]
    if not axes.lines or max(mids) <= 1.5 * ceiling:
        axes.plot(xs, mids, color=FLOOR_COLOUR, linestyle="--", linewidth=1.2, marker="_")
        axes.annotate("floor (harness cost)", (xs[-1], mids[-1]), xytext=(0, 5), textcoords="offset points",
                      fontsize=7.5, color=FLOOR_COLOUR, ha="right")
    else:
        low, high = format_number(min(mids)), format_number(max(mids))
        reach = low if low == high else low + "–" + high
        axes.annotate("floor (harness cost) off the scale: %s %s" % (reach, unit), (0, 1), xytext=(4, 2),
                      xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=FLOOR_COLOUR,
                      va="bottom")


def format_number(value):
    """Three digits, with a suffix above 10^4."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            return "%.3g%s" % (value / {"G": 1e9, "M": 1e6, "k": 1e3}[suffix], suffix)
    return "%.3g" % value if value < 1000 else "%.0f" % value


def format_ns(value, _=None):
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if value >= limit:
            return "%.3g %s" % (value / limit, unit)
    return "%.3g ns" % value


def spread(wanted, gap):
    """Positions as near as can be to the wanted ones (ascending), at least gap apart."""
    placed = []
    for i, at in enumerate(wanted):
        placed.append((at, 1, [i]))
        while len(placed) > 1:
            (before, n, left), (after, m, right) = placed[-2], placed[-1]
            if after - gap * (m - 1) / 2 - (before + gap * (n - 1) / 2) >= gap:
                break
            placed[-2:] = [((before * n + after * m) / (n + m), n + m, left + right)]
    result = [0.0] * len(wanted)
    for middle, n, members in placed:
        for order, member in enumerate(members):
            result[member] = middle + gap * (order - (n - 1) / 2)
    return result


def name_lines(figure, result, axes_of_names, lines=True):
    """Names at the ends of lines where there are few in one panel; else one legend beside the panels.
    axes_of_names: (axes, {identity: (x, y) of the line's end}). lines: marks are joined by lines."""
    from matplotlib.lines import Line2D
    shown = [identity for identity in result.identities if any(identity in ends for _, ends in axes_of_names)]
    if not shown:
        return
    if len(shown) <= LABELS_MAX and len(axes_of_names) == 1:
        axes, ends = axes_of_names[0]
        figure.draw_without_rendering()
        order = sorted(ends, key=lambda identity: axes.transData.transform(ends[identity])[1])
        heights = [axes.transData.transform(ends[identity])[1] for identity in order]
        points = 72 / figure.dpi
        for identity, height, place in zip(order, heights, spread(heights, 11 / points)):
            axes.annotate(identity, ends[identity], xytext=(12, (place - height) * points), fontsize=8.5,
                          textcoords="offset points", color=result.look(identity)["color"], va="center",
                          annotation_clip=False)
        return
    handles = [Line2D([], [], linestyle=result.look(identity)["linestyle"] if lines else "none", label=identity,
                      **mark_of(result.look(identity), False)) for identity in shown]
    corner = [axes for axes, _ in axes_of_names if axes.get_subplotspec().is_last_col()] or [axes_of_names[-1][0]]
    corner[0].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, fontsize=8,
                     frameon=False)


def hollow_note(rows):
    if any(row.hollow for row in rows):
        rules = unique(row.reason for row in rows if row.hollow and row.reason)
        return ["Hollow: untrustworthy" + (" (%s)" % ", ".join(rules) if rules else "") + "."]
    return []


def bars_note(result):
    if result.processes == 1:
        return ["One process: no interval."]
    return ["Median over %d processes with %s." % (result.processes, "its 95 % interval" if result.processes >= 6
                                                   else "smallest and largest")]


# ---- charts: each returns a figure, or None where the result does not have the data ----------------

def thread_ticks(axes, threads):
    axes.set_xscale("log", base=2)
    axes.set_xticks(threads, [str(count) for count in threads])
    axes.minorticks_off()
    axes.set_xlabel("threads", fontsize=9)


def line_ends(result, axes, rows, x_of, value_of):
    """Draws one line an implementation and returns where each ends. What an implementation has no figure
    for breaks its line."""
    ends, xs = {}, sorted({x_of(row) for row in rows})
    for identity in result.identities:
        mine = {x_of(row): row for row in rows if row.identity == identity and value_of(row)}
        if not mine:
            continue
        draw_line(result, axes, identity, xs, [value_of(mine[x]) if x in mine else None for x in xs],
                  [x in mine and mine[x].hollow for x in xs])
        ends[identity] = (max(mine), value_of(mine[max(mine)])[0])
    return ends


def bar_panel(result, axes, rows, floors):
    """One number of threads: a bar an implementation says more than a dot in a line chart."""
    names = [identity for identity in result.identities if any(row.identity == identity for row in rows)]
    for place, identity in enumerate(names):
        row = next(row for row in rows if row.identity == identity)
        mid, low, high = row.mops
        colour = result.look(identity)["color"]
        axes.barh(place, mid, height=0.6, color="white" if row.hollow else colour, edgecolor=colour,
                  xerr=[[mid - low], [high - mid]], error_kw={"capsize": 3, "elinewidth": 1})
    if floors:
        axes.annotate("floor (harness cost): %s Mops/s" % format_number(floors[0].mops[0]), (0, 1), fontsize=7.5,
                      xycoords="axes fraction", xytext=(4, 2), textcoords="offset points", color=FLOOR_COLOUR)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.set_xlabel("Mops/s (wall time)", fontsize=9)


def throughput_panel(result, axes, rows):
    """Fills one panel with the rows of one point and phase; returns line ends for names."""
    real = [row for row in rows if not row.floor]
    floors = sorted((row for row in rows if row.floor), key=lambda row: row.threads)
    threads = sorted({row.threads for row in rows})
    if len(threads) == 1:
        bar_panel(result, axes, real, floors)
        return {}
    ends = line_ends(result, axes, real, lambda row: row.threads, lambda row: row.mops)
    axes.set_ylim(bottom=0)
    draw_floor(axes, [row.threads for row in floors], [row.mops for row in floors], "Mops/s")
    axes.set_ylim(bottom=0)
    thread_ticks(axes, threads)
    over = [row.threads for row in rows if row.oversubscribed]
    if over:
        below = max([count for count in threads if count < min(over)], default=min(over) / 2)
        left, right = math.sqrt(below * min(over)), axes.get_xlim()[1]
        axes.axvspan(left, right, color="#f2f2f2", zorder=0)
        axes.set_xlim(right=right)
        axes.annotate("more threads\nthan PUs", (math.sqrt(left * right), 0), xytext=(0, 4), ha="center",
                      va="bottom", textcoords="offset points", fontsize=7.5, color="#666666")
    axes.set_ylabel("Mops/s (wall time)", fontsize=9)
    return ends


def draw_throughput(result):
    rows = [row for row in result.rows if row.mops]
    panels = unique((row.point, row.phase) for row in rows if not row.floor)
    if not panels or any(row.label for row in rows):
        return None  # a sweep has a chart of its own
    counts = unique(row.threads for row in rows)
    what = "throughput by threads" if len(counts) > 1 else "throughput, " + threads_text(counts[0])
    figure, axes_list = new_figure(result, what, columns=len(panels), notes=bars_note(result) + hollow_note(rows))
    if len(counts) == 1:
        figure.set_figheight(1.8 + 0.45 * len(result.identities))
    names = []
    for axes, (point, phase) in zip(axes_list, panels):
        mine = [row for row in rows if (row.point, row.phase) == (point, phase)]
        tidy(axes)
        names.append((axes, throughput_panel(result, axes, mine)))
        if len(panels) > 1:
            panel_title(axes, "phase " + mine[0].phase_name)
    name_lines(figure, result, names)
    return figure


def draw_sweep(result):
    """Throughput by the key with most values; other keys, phases and numbers of threads are panels."""
    rows = [row for row in result.rows if row.mops and row.label]
    keys = unique(key for row in rows for key in swept(row.label))
    if not keys:
        return None
    key = max(keys, key=lambda key: len({swept(row.label).get(key) for row in rows}))
    others = lambda row: " ".join("%s=%s" % item for item in swept(row.label).items() if item[0] != key)
    panels = unique((others(row), row.phase, row.threads) for row in rows if not row.floor)
    chosen = some(panels, PANELS_MAX)
    left = ["%d of %d panels are shown." % (len(chosen), len(panels))] if len(chosen) < len(panels) else []
    columns = min(3, len(chosen))
    figure, axes_list = new_figure(result, "throughput by " + key, columns, -(-len(chosen) // columns),
                                   bars_note(result) + hollow_note(rows) + left)
    values = unique(swept(row.label).get(key) for row in rows)
    numeric = all(number(value) is not None for value in values)
    place = lambda row: (number if numeric else values.index)(swept(row.label)[key])
    names = []
    for axes, panel in zip(axes_list, chosen):
        mine = [row for row in rows if (others(row), row.phase, row.threads) == panel and key in swept(row.label)]
        tidy(axes)
        ends = line_ends(result, axes, [row for row in mine if not row.floor], place, lambda row: row.mops)
        axes.set_ylim(bottom=0)
        floors = sorted((row for row in mine if row.floor), key=place)
        draw_floor(axes, [place(row) for row in floors], [row.mops for row in floors], "Mops/s")
        axes.set_ylim(bottom=0)
        sweep_axis(axes, key, values, numeric)
        axes.set_ylabel("Mops/s (wall time)", fontsize=9)
        several = len({row.phase for row in rows}) > 1
        panel_title(axes, ", ".join(part for part in (panel[0], mine[0].phase_name if several else "",
                                                      threads_text(panel[2])) if part))
        names.append((axes, ends))
    for axes in axes_list[len(chosen):]:
        axes.set_visible(False)
    name_lines(figure, result, names)
    return figure


def sweep_axis(axes, key, values, numeric):
    axes.set_xlabel(key, fontsize=9)
    if not numeric:
        axes.set_xticks(range(len(values)), values)
        return
    numbers = sorted(number(value) for value in values)
    if numbers[0] > 0 and numbers[-1] >= 10 * numbers[0]:
        axes.set_xscale("log", base=10)
    axes.set_xticks(numbers, [format_number(value) for value in numbers])
    axes.minorticks_off()


def draw_latency(result):
    """Panels: numbers of threads beside each other, response time (if any) below service time."""
    rows = [row for row in result.rows if (row.service or row.response) and not row.floor]
    if not rows:
        return None
    last_point = rows[-1].point
    rows = [row for row in rows if row.point == last_point and row.phase == rows[-1].phase]
    times = [time for time in ("service", "response") if any(getattr(row, time) for row in rows)]
    threads = some(sorted({row.threads for row in rows}), 4 if len(times) == 1 else 3)
    notes = ["Median over processes of each percentile; max: of all."] + hollow_note(rows)
    where = ", ".join(part for part in (rows[0].label, "phase " + rows[0].phase_name
                      if len({row.phase for row in result.rows}) > 1 else "") if part)
    wide = len(threads) if len(threads) < 4 else 2
    figure, axes_list = new_figure(result, "latency percentiles" + (" at " + where if where else ""), wide,
                                   len(times) * len(threads) // wide, notes)
    names = []
    highest = max(value[1] for row in rows for time in times for value in [getattr(row, time).get(100, (0, 1, 0))])
    lowest = min(getattr(row, time)[50][0] for row in rows for time in times if getattr(row, time))
    for axes, (time, count) in zip(axes_list, [(time, count) for time in times for count in threads]):
        mine = [row for row in rows if row.threads == count and getattr(row, time)]
        tidy(axes)
        ends = {}
        for row in mine:
            triples = [getattr(row, time)[percent] for percent in PERCENTILES]
            draw_line(result, axes, row.identity, range(len(PERCENTILES)), triples, [row.hollow] * len(triples))
            ends[row.identity] = (len(PERCENTILES) - 1, triples[-1][0])
        axes.set_yscale("log")
        axes.set_ylim(max(1, lowest / 1.6), highest * 1.6)
        axes.yaxis.set_major_formatter(format_ns)
        axes.set_xticks(range(len(PERCENTILES)), ["p50", "p90", "p99", "p99.9", "max"])
        axes.set_title(threads_text(count), fontsize=9, loc="left")
        axes.set_ylabel("service time (from the call)" if time == "service"
                        else "response time (from the intended start)", fontsize=9)
        names.append((axes, ends))
    name_lines(figure, result, names)
    return figure


def at_most_threads(result, rows):
    """The rows of the last point and phase at the highest number of threads that have a PU each."""
    rows = [row for row in rows if row.point == rows[-1].point and row.phase == rows[-1].phase]
    fair = [row for row in rows if not row.oversubscribed] or rows
    threads = max(row.threads for row in fair)
    return [row for row in fair if row.threads == threads]


def place_of(rows):
    return ", ".join(part for part in (rows[0].label, threads_text(rows[0].threads)) if part)


def draw_memory(result):
    rows = [row for row in result.rows if row.memory is not None and not row.floor]
    if not rows:
        return None
    rows = at_most_threads(result, rows)
    names = [identity for identity in result.identities if any(row.identity == identity for row in rows)]
    figure, (axes,) = new_figure(result, "bytes per element, " + place_of(rows), notes=[
        "structure_bytes: after rounding and headers of the allocator. Full colour: after filling; light: after "
        "churn."])
    figure.set_figheight(1.7 + 0.45 * len(names))
    for place, identity in enumerate(names):
        row, colour = next(row for row in rows if row.identity == identity), result.look(identity)["color"]
        for value, offset, alpha in ((row.fill, -0.19, 1.0), (row.churn, 0.19, 0.4)):
            if value is None:
                continue
            axes.barh(place + offset, value, height=0.36, color=colour, alpha=alpha)
            axes.annotate("%.1f" % value, (value, place + offset), xytext=(3, 0), textcoords="offset points",
                          va="center", fontsize=7.5)
    tidy(axes)
    axes.grid(False, axis="y")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("bytes per element", fontsize=9)
    return figure


def draw_scatter(result):
    """Lean is left, fast is up."""
    rows = [row for row in result.rows if row.memory is not None and row.mops and not row.floor]
    if not rows:
        return None
    rows = at_most_threads(result, rows)
    if len(rows) < 2:
        return None
    figure, (axes,) = new_figure(result, "memory against speed, " + place_of(rows),
                                 notes=["Left is lean, up is fast."] + bars_note(result) + hollow_note(rows))
    tidy(axes)
    for row in rows:
        draw_mark(axes, result.look(row.identity), row.memory, row.mops, row.hollow)
    axes.margins(x=0.12)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("bytes per element after churn" if all(row.churn is not None for row in rows)
                    else "bytes per element", fontsize=9)
    axes.set_ylabel("Mops/s (wall time)", fontsize=9)
    name_lines(figure, result, [(axes, {row.identity: (row.memory, row.mops[0]) for row in rows})], lines=False)
    return figure


CHARTS = {"throughput": draw_throughput, "sweep": draw_sweep, "latency": draw_latency, "memory": draw_memory,
          "memory-speed": draw_scatter}


# ---- the whole -------------------------------------------------------------------------------------

def save(figure, path):
    figure.savefig(path + ".svg", metadata={"Date": None})
    figure.savefig(path + ".png", dpi=150, metadata={"Software": None})
    return [path + ".svg", path + ".png"]


def draw(path, folder):
    """Draws all charts of one result; returns the files written."""
    result = Result(path)
    written = []
    for name, chart in CHARTS.items():
        figure = chart(result)
        if figure is not None:
            os.makedirs(folder, exist_ok=True)
            written += save(figure, os.path.join(folder, result.stem + "-" + name))
    if not written:
        raise Trouble("%s: it holds no figures that could be drawn" % path, 3)
    return written


def main(arguments):
    parser = argparse.ArgumentParser(description="Draws throughput, latency and memory of results of memkit-bench.")
    parser.add_argument("results", nargs="+", metavar="RESULT.json")
    parser.add_argument("-o", "--output", default="plots", metavar="FOLDER",
                        help="where charts go (default: plots)")
    options = parser.parse_args(arguments)
    try:
        import matplotlib
    except ImportError:
        print("plot.py: matplotlib is not there: install python3-matplotlib (apt), or use memkit-bench's --csv",
              file=sys.stderr)
        return 2
    matplotlib.rcParams.update({"svg.hashsalt": "memkit", "font.family": "DejaVu Sans", "axes.titlesize": 9})
    try:
        for path in options.results:
            for file in draw(path, options.output):
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
