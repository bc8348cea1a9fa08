"""plot_speed.py - charts of plot.py: throughput by threads or by what was swept, latency percentiles.
Each returns a figure, or None where the result does not have the data."""
import math

from plot_frame import (FLOOR_COLOUR, bar_height, bars_note, draw_floor, draw_line, format_ns, format_number,
                        hollow_note, name_lines, new_figure, panel_title, threads_text, tidy)
from plot_result import PERCENTILES, number, some, swept, unique

PANELS_MAX = 6


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
        # Above the panel, opposite the floor's note: below, it would lie upon the lines of who is slow.
        axes.annotate("shaded: more threads than PUs", (1, 1), xytext=(0, 2), xycoords="axes fraction", ha="right",
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
        figure.set_figheight(2 + bar_height(len(result.identities)) * len(result.identities))
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
        short = [value.rsplit("/", 1)[-1] for value in values]  # of paths, where that tells them apart
        axes.set_xticks(range(len(values)), short if len(set(short)) == len(values) else values)
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
        axes.set_xlim(-0.35, len(PERCENTILES) - 0.65)
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
