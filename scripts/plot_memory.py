"""plot_memory.py - charts of plot.py: bytes per element, memory against speed, bytes over the number of
entries. Each returns a figure, or None where the result does not have the data."""
from plot_frame import (bar_height, bars_note, draw_line, draw_mark, format_number, hollow_note, legend_beside, listing,
                        name_lines, new_figure, threads_text, tidy)
from plot_result import swept, unique


def at_most_threads(result, rows):
    """The rows of the last point and phase at the highest number of threads that have a PU each."""
    rows = [row for row in rows if row.point == rows[-1].point and row.phase == rows[-1].phase]
    fair = [row for row in rows if not row.oversubscribed] or rows
    threads = max(row.threads for row in fair)
    return [row for row in fair if row.threads == threads]


def place_of(rows):
    return ", ".join(part for part in (rows[0].label, threads_text(rows[0].threads)) if part)


def bytes_note(result):
    own = " What libraries take for themselves is not in it: compare them with --bytes rss."
    return {"structure": "structure_bytes: after rounding and headers of the allocator." + own,
            "requested": "requested_bytes: what was asked of the allocator, before it rounds." + own,
            "rss": "rss_bytes: growth of the resident set, in whole pages."}[result.sort]


def unknown_note(result, like, shown):
    """Who ran at the same point and number of threads as one row, and has no bytes."""
    place = lambda row: (row.point, row.phase, row.threads)
    rows = [row for row in result.rows if place(row) == place(like)]
    unknown = unique(row.identity for row in rows if not row.floor and row.identity not in shown)
    return ["Bytes unknown: %s." % listing(unknown)] if unknown else []


def draw_memory(result):
    rows = [row for row in result.rows if row.memory is not None and not row.floor]
    if not rows:
        return None
    rows = at_most_threads(result, rows)
    names = [identity for identity in result.identities if any(row.identity == identity for row in rows)]
    figure, (axes,) = new_figure(result, "bytes per element, " + place_of(rows), notes=[
        bytes_note(result) + " Full colour: after filling; light: after churn."] + unknown_note(result, rows[0], names))
    figure.set_figheight(1.9 + bar_height(len(names)) * len(names))
    for place, identity in enumerate(names):
        row, colour = next(row for row in rows if row.identity == identity), result.look(identity)["color"]
        for value, offset, alpha in ((row.fill, -0.19, 1.0), (row.churn, 0.19, 0.4)):
            if value is None:
                continue
            axes.barh(place + offset, value, height=0.36, color=colour, alpha=alpha)
            axes.annotate("%.1f" % value, (value, place + offset), xytext=(3, 0), textcoords="offset points",
                          va="center", fontsize=7.5 if len(names) <= 12 else 6)
    tidy(axes)
    axes.grid(False, axis="y")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.set_xlabel("bytes per element", fontsize=9)
    return figure


# ---- over the number of entries --------------------------------------------------------------------

SIZES_MIN = 4


def size_rows(result):
    """Rows of a sweep of keys.count alone, of which the memory is known: the last phase, at the fewest
    threads; [] where there are not enough sizes."""
    rows = [row for row in result.rows if list(swept(row.label)) == ["keys.count"] and row.fill is not None and
            row.entries and not row.floor]
    rows = [row for row in rows if row.threads == min(row.threads for row in rows) and row.phase == rows[-1].phase]
    return rows if len({row.entries for row in rows}) >= SIZES_MIN else []


def extent(sizes):
    """How much the sizes cover, in words. Of a doubling there are as many steps as sizes: the step that would
    reach twice the first size is its beginning again."""
    sizes = sorted(sizes)
    last = sizes[-1] * sizes[-1] / sizes[-2]
    return "a doubling" if abs(last / sizes[0] - 2) < 0.04 else "%d sizes" % len(sizes)


def draw_sizes(result):
    """Bytes an entry over the number of entries, after filling and after churn: how they swing as tables grow."""
    rows = size_rows(result)
    if not rows:
        return None
    panels = [("fill", "after filling"), ("churn", "after churn")]
    panels = [panel for panel in panels if all(getattr(row, panel[0]) is not None for row in rows)]
    sizes = sorted({row.entries for row in rows})
    covers = extent(sizes)
    means = {}
    for identity in result.identities:
        mine = {row.entries: row for row in rows if row.identity == identity}
        if mine:
            means[identity] = [sum(getattr(row, sort) for row in mine.values()) / len(mine) for sort, _ in panels]
    figure, axes_list = new_figure(result, "%s bytes an entry over the number of entries, %s" % (
        result.sort, threads_text(rows[0].threads)), columns=len(panels), notes=[
        "%s Means are over %s." % (bytes_note(result), covers)] + unknown_note(result, rows[0], means))
    for axes, (sort, title) in zip(axes_list, panels):
        tidy(axes)
        for identity in means:
            mine = {row.entries: getattr(row, sort) for row in rows if row.identity == identity}
            draw_line(result, axes, identity, sorted(mine), [(mine[x],) * 3 for x in sorted(mine)], [False] * len(mine),
                      aside=False)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [format_number(size) for size in sizes], fontsize=7.5, rotation=45)
        axes.minorticks_off()
        axes.set_xlabel("entries after filling", fontsize=9)
        axes.set_ylabel("bytes an entry", fontsize=9)
        if len(panels) > 1:
            axes.set_title(title, fontsize=9, loc="left")
    highest = max(getattr(row, sort) for row in rows for sort, _ in panels)
    for axes in axes_list:
        axes.set_ylim(0, 1.06 * highest)
    order = sorted(means, key=lambda identity: means[identity][0])
    legend_beside(result, axes_list[-1], {identity: "%s: mean %s B" % (identity, ", ".join(
        "%.1f" % mean for mean in means[identity])) for identity in order})
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
