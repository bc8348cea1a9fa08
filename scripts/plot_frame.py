"""plot_frame.py - what all charts of plot.py share: the figure with its title and its notes, numbers with
units, names of lines, marks."""
import math

from plot_result import unique

FLOOR_COLOUR = "#888888"
LABELS_MAX = 4  # implementations that are named at their line; more have a legend


def new_figure(result, what, columns=1, rows=1, notes=()):
    """A figure with its title, its notes and its source below, and a list of axes. One panel is wide; several
    share a row."""
    from matplotlib.figure import Figure
    width = 8.5 if columns == 1 else 1.2 + 4.3 * columns
    height = 1.6 + 3.5 * rows
    figure = Figure(figsize=(width, height), layout="constrained")
    title = result.name + (": " + result.about if result.about else "")
    lines = list(notes)
    if result.failed:
        failed = ["%s at %s (%s)" % (row.identity, threads_text(row.threads), row.reason) for row in result.failed]
        lines.append("Left out: " + listing(failed) + ".")
    lines += source_notes(result)
    fit = int(width * 13)
    figure.suptitle(wrap(title, fit) + "\n" + wrap(what[:1].upper() + what[1:], fit), fontsize=10, x=0.01, ha="left")
    figure.supxlabel("\n".join(wrap(line, int(width * 15)) for line in lines), fontsize=7.5, x=0.01, ha="left",
                     color="#444444")
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, [axes for row in grid for axes in row]


def source_notes(result):
    """What limits the whole result, and last where it comes from."""
    lines = []
    if not result.complete:
        lines.append("The run was ended before all was measured.")
    if result.flavour not in ("", "release"):
        lines.append("A %s build: its timings mean nothing." % result.flavour)
    return lines + ["Source: %s." % ", ".join(part for part in (result.name, result.date and result.date + " UTC",
                                                                result.machine) if part)]


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


def bar_height(count):
    """Inches a row of bars takes: less where there are many."""
    return 0.45 if count <= 12 else 0.3


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


def draw_line(result, axes, identity, xs, triples, hollows, aside=True):
    """A line through medians (broken where a triple is None), an error bar for each interval, hollow marks
    where they are due. aside: a little to the implementation's own side."""
    look, transform = result.look(identity), beside(result, axes, identity) if aside else axes.transData
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


def format_bytes(value, _=None):
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return "%.3g %s" % (value / limit, unit)
    return "%.3g B" % value


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
    corner = [axes for axes, _ in axes_of_names if axes.get_subplotspec().is_last_col()] or [axes_of_names[-1][0]]
    legend_beside(result, corner[0], {identity: identity for identity in shown}, lines)


def legend_beside(result, axes, labels, lines=True):
    """A legend to the right of a panel. labels: {identity: text}, in order. The figure grows with it."""
    from matplotlib.lines import Line2D
    handles = [Line2D([], [], linestyle=result.look(identity)["linestyle"] if lines else "none", label=text,
                      **mark_of(result.look(identity), False)) for identity, text in labels.items()]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, fontsize=8,
                frameon=False)
    figure = axes.figure
    figure.set_figheight(max(figure.get_figheight(), 1.7 + 0.185 * len(labels)))


def hollow_note(rows):
    if any(row.hollow for row in rows):
        rules = unique(row.reason for row in rows if row.hollow and row.reason)
        return ["Hollow: untrustworthy" + (" (%s)" % ", ".join(rules) if rules else "") + "."]
    return []


def bars_note(result):
    least, most = result.processes[0], result.processes[-1]
    if most <= 1:
        return ["One process: no interval."]
    return ["Median over %s processes with %s." % (most if least == most else "%d to %d" % (least, most),
                                                   "its 95 % interval" if least >= 6 else "smallest and largest")]
