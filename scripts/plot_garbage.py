"""plot_garbage.py - chart of plot.py: what waits to be freed over time, beside a reader that stands still.
Returns a figure, or None where the result does not have the data."""
from plot_frame import (format_bytes, format_number, hollow_note, legend_beside, new_figure, panel_title,
                        threads_text, tidy)
from plot_result import median, some, unique

PANELS_MAX = 4
LOG_FROM = 20  # linear up to that ratio of the largest peak to the smallest
STEPS = 120    # of the time shown
TWO_LINES_MAX = 12  # implementations, in the legend
MARKS = 9      # a line, to tell lines apart


def in_bytes(rows):
    """Whether every look of every row has bytes, and not nodes alone."""
    return all(seen["bytes"] for row in rows for seen in row.garbage)


def over_time(row, unit):
    """([ms], [median]): of all looks in all rounds, in as many steps as can be told apart, as far as half of the
    rounds go. A step in which nobody looked is left out."""
    ends = sorted(seen["at_ns"][-1] for seen in row.garbage)
    end = ends[len(ends) // 2]
    step = max(1, end // STEPS, *(seen["every_ns"] for seen in row.garbage))
    looks = {}
    for seen in row.garbage:
        for when, value in zip(seen["at_ns"], seen[unit]):
            looks.setdefault(min(when, end) // step, []).append(value)
    return [(place + 0.5) * step / 1e6 for place in sorted(looks)], [median(looks[place]) for place in sorted(looks)]


def stretches(rows):
    """[(begin, end)] in ms in which readers stood still: medians over all rounds that have as many as most."""
    spans = [list(zip(seen["stall_begin_ns"], seen["stall_end_ns"])) for row in rows for seen in row.garbage]
    count = sorted(len(span) for span in spans)[len(spans) // 2]
    spans = [span for span in spans if len(span) == count]
    return [tuple(median([span[i][side] for span in spans]) / 1e6 for side in (0, 1)) for i in range(count)]


def peak(row, unit):
    """The highest that the reclaimer itself counted, which no look can miss."""
    peaks = [seen["peak_bytes" if unit == "bytes" else "peak"] for seen in row.garbage]
    return max((value for value in peaks if value is not None), default=None)


def shade(axes, spans):
    for begin, end in spans:
        axes.axvspan(begin, end, color="#ececec", zorder=0, linewidth=0)
        for edge in (begin, end):
            axes.axvline(edge, color="#bbbbbb", linewidth=0.6, zorder=0.5)
    if spans:
        axes.annotate("shaded: the reader stands in its section", (1, 1), xytext=(0, 2), xycoords="axes fraction",
                      textcoords="offset points", ha="right", va="bottom", fontsize=7.5, color="#666666")


def scale(axes, lines, unit):
    """Logarithmic with a zero where peaks are far apart, so that the bounded ones can be seen at all."""
    peaks = sorted(max(values) for _, values in lines)
    if peaks[-1] > LOG_FROM * max(peaks[0], 1):
        lowest = 1000 if unit == "bytes" else 10
        axes.set_yscale("symlog", linthresh=lowest, linscale=0.6)
        ticks = [0] + [lowest * 10**i for i in range(12) if lowest * 10**i <= 3 * peaks[-1]]
        axes.set_yticks(ticks)
        axes.minorticks_off()
        axes.set_ylim(0, 3 * peaks[-1])
    else:
        axes.set_ylim(0, max(1, 1.08 * peaks[-1]))
    axes.yaxis.set_major_formatter(format_bytes if unit == "bytes" else lambda value, _: format_number(value))


def draw_panel(result, axes, rows, unit):
    tidy(axes)
    lines = []
    for row in rows:
        look = result.look(row.identity)
        times, values = over_time(row, unit)
        lines.append((times, values))
        every = max(1, len(times) // MARKS)
        offset = result.identities.index(row.identity) * every // max(1, len(result.identities))
        axes.plot(times, values, color=look["color"], linestyle=look["linestyle"], linewidth=1.3, marker=look["marker"],
                  markersize=4.5, markevery=(offset, every), label=row.identity,
                  markerfacecolor="white" if row.hollow else look["color"])
    shade(axes, stretches(rows))
    scale(axes, lines, unit)
    axes.set_xlim(0, max(times[-1] for times, _ in lines))
    axes.set_xlabel("time since the start of the round (ms)", fontsize=9)
    axes.set_ylabel("retired and not yet freed (%s)" % unit, fontsize=9)


def labels_of(result, rows, unit):
    """{identity: text}, those that kept most first."""
    labels = {}
    for identity in result.identities:
        mine = [row for row in rows if row.identity == identity]
        peaks = [value for value in (peak(row, unit) for row in mine) if value is not None]
        if mine:
            most = max(peaks, default=None)
            text = "peak unknown" if most is None else "peak " + (format_bytes(most) if unit == "bytes"
                                                                 else format_number(most) + " nodes")
            bound = "unbounded" if any(row.unbounded for row in mine) else "bounded"
            labels[identity] = (most or 0, text + ", " + bound)
    apart = "\n" if len(labels) <= TWO_LINES_MAX else ": "
    labels = {identity: (most, identity + apart + text) for identity, (most, text) in labels.items()}
    return {identity: labels[identity][1] for identity in sorted(labels, key=lambda name: -labels[name][0])}


def draw_garbage(result):
    rows = [row for row in result.rows if row.garbage and not row.floor]
    if not rows:
        return None
    unit = "bytes" if in_bytes(rows) else "nodes"
    place = lambda row: (row.label, row.phase, row.threads)
    panels = unique(place(row) for row in rows)
    chosen = some(panels, PANELS_MAX)
    rounds = max(len(row.garbage) for row in rows)
    notes = ["Each line: medians over %d rounds of what the reclaimer has counted. Peak: the highest of all rounds, "
             "or an upper bound. Unbounded: it claims no bound while a reader stands still." % rounds]
    notes += hollow_note(rows)
    if len(chosen) < len(panels):
        notes.append("%d of %d panels are shown." % (len(chosen), len(panels)))
    what = "unreclaimed %s over time beside a reader that stands still" % unit
    if len(panels) == 1:
        what += ", " + ", ".join(part for part in (rows[0].label, threads_text(rows[0].threads)) if part)
    columns, several = min(2, len(chosen)), len({row.phase for row in rows}) > 1
    figure, axes_list = new_figure(result, what, columns, -(-len(chosen) // columns), notes)
    for axes, panel in zip(axes_list, chosen):
        mine = [row for row in rows if place(row) == panel]
        draw_panel(result, axes, mine, unit)
        if len(panels) > 1:
            panel_title(axes, ", ".join(part for part in (panel[0], mine[0].phase_name if several else "",
                                                          threads_text(panel[2])) if part))
    for axes in axes_list[len(chosen):]:
        axes.set_visible(False)
    shown = [row for row in rows if place(row) in chosen]
    labels = labels_of(result, shown, unit)
    legend_beside(result, axes_list[columns - 1], labels)
    if len(labels) <= TWO_LINES_MAX:
        figure.set_figheight(max(figure.get_figheight(), 1.9 + 0.33 * len(labels)))
    return figure
