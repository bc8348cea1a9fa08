"""plot_resident.py - chart of plot.py: what is resident of an allocator over its course, beside what is live, and what
stays once blocks are freed. Returns a figure, or None where the result does not have the data."""
from plot_frame import format_bytes, format_number, legend_beside, new_figure, tidy
from plot_memory import at_most_threads, place_of

MARKS = 8  # a line, to tell lines apart


def draw_course(result, axes, rows):
    tidy(axes)
    live = max(rows, key=lambda row: max(row.course["live"]))
    axes.fill_between(live.course["ops"], live.course["live"], color="#dddddd", linewidth=0, zorder=0.5)
    for row in rows:
        look, ops = result.look(row.identity), row.course["ops"]
        every = max(1, len(ops) // MARKS)
        offset = result.identities.index(row.identity) * every // max(1, len(result.identities))
        axes.plot(ops, row.course["rss"], color=look["color"], linestyle=look["linestyle"], linewidth=1.3, label=row.identity,
                  marker=look["marker"], markersize=4.5, markevery=(offset, every))
    axes.annotate("grey: live bytes", (1, 1), xytext=(0, 2), xycoords="axes fraction", textcoords="offset points",
                  ha="right", va="bottom", fontsize=7.5, color="#666666")
    axes.set_xlim(0, max(row.course["ops"][-1] for row in rows))
    axes.xaxis.set_major_formatter(lambda value, _: format_number(value))
    axes.set_xlabel("operations of all threads", fontsize=9)
    axes.set_ylabel("resident bytes", fontsize=9)
    axes.set_title("fill and churn", fontsize=9, loc="left")


def draw_drain(result, axes, rows):
    tidy(axes)
    for row in rows:
        look = result.look(row.identity)
        axes.plot([at / 1e6 for at in row.course["drain_at"]], row.course["drain_rss"], color=look["color"],
                  linestyle=look["linestyle"], linewidth=1.3, marker=look["marker"], markersize=5)
    kept = max(row.course["kept"] or 0 for row in rows)
    if kept:
        axes.axhline(kept, color="#bbbbbb", linewidth=3, zorder=0.5)
        axes.annotate("grey: live bytes", (1, 1), xytext=(0, 2), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="bottom", fontsize=7.5, color="#666666")
    axes.set_xscale("symlog", linthresh=10)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(lambda value, _: format_number(value))
    axes.minorticks_off()
    axes.set_xlabel("time since the last free (ms)", fontsize=9)
    axes.set_title("after that", fontsize=9, loc="left")


def draw_resident(result):
    rows = [row for row in result.rows if row.course and not row.floor]
    if not rows:
        return None
    rows = at_most_threads(result, rows)
    what = "resident bytes over the course, and once blocks are freed, " + place_of(rows)
    notes = ["Every page of a block is written to; threads take turns. Numbers: most resident over most live bytes."]
    figure, (left, right) = new_figure(result, what, 2, 1, notes)
    draw_course(result, left, rows)
    draw_drain(result, right, rows)
    highest = max(max(row.course["rss"] + row.course["drain_rss"] + row.course["live"]) for row in rows)
    for axes in (left, right):
        axes.set_ylim(0, 1.06 * highest)
        axes.yaxis.set_major_formatter(format_bytes)
    ratios = {row.identity: row.course["peak_rss_over_live"] for row in rows}
    order = sorted(ratios, key=lambda identity: -(ratios[identity] or 0))
    legend_beside(result, right, {identity: "%s: %s" % (identity, "%.2f" % ratios[identity] if ratios[identity] else "unknown")
                                  for identity in order})
    return figure
