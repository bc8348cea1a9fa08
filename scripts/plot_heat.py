"""plot_heat.py - chart of plot.py: a table of implementations by workloads, coloured by throughput as a share
of the best in each column. One result or several; kinds are told apart. Returns a figure, or None where there
is nothing to compare."""
from plot_frame import source_notes, threads_text, wrap
from plot_result import median, some, unique

COLUMNS_MAX = 24     # altogether; beyond, one number of threads a workload, then every other one
COLUMNS_ACROSS = 8   # of one block
CELL_WIDTH, CELL_HEIGHT = 1.0, 0.34  # inches; likewise all below
HEAD_LINE, NOTE_LINE, MARGIN = 0.14, 0.135, 0.15
HEAD_CHARS = 16
COLOURS = "cividis"  # as good for all kinds of sight


class Column:
    """One workload at one number of threads, point and phase: the rows of who ran there, or why not."""

    def __init__(self, result, key, name, several):
        point, phase, threads = key
        self.result, self.threads = result, threads
        mine = lambda row: (row.point, row.phase, row.threads) == key and not row.floor
        self.rows = {row.identity: row for row in result.all if mine(row)}
        self.absent = {row.identity: row for row in result.absent if mine(row)}
        some_row = next(iter(list(self.rows.values()) + list(self.absent.values())))
        self.kind = some_row.identity.split("/")[0]
        self.oversubscribed = some_row.oversubscribed
        self.labels = [part for part in (name, *some_row.label.split(" "), some_row.phase_name if several else "",
                                         threads_text(threads)) if part]
        ranked = [row for row in self.rows.values() if row.mops and row.verdict != "fail"]
        trusted = [row for row in ranked if not row.hollow] or ranked  # as the table has it
        self.best = max((row.mops[0] for row in trusted), default=None)

    def share(self, identity):
        """Throughput over the best's; None where it has none. More than 1 only where it is not trusted."""
        row = self.rows.get(identity)
        if not row or not row.mops or row.verdict == "fail" or not self.best:
            return None
        return row.mops[0] / self.best


def columns_of(results):
    """All columns, and what was left out, in words. Where operations begin on schedule, throughput is the
    schedule's: there is no column."""
    columns, names = [], [result.name for result in results]
    for result in results:
        name = result.name if names.count(result.name) == 1 else "%s (%s)" % (result.name, result.stem)
        name = name if len(results) > 1 else ""  # the title has it
        rows = [row for row in result.all if not row.floor]
        several = len({row.phase for row in rows}) > 1
        columns += [Column(result, key, name, several)
                    for key in unique((row.point, row.phase, row.threads) for row in rows if not row.paced)]
    columns = [column for column in columns if column.best]
    chosen = columns
    if len(chosen) > COLUMNS_MAX:
        fair = lambda column: max([other.threads for other in columns
                                   if other.result is column.result and not other.oversubscribed] or [column.threads])
        chosen = [column for column in columns if column.threads == fair(column)]
    chosen = some(chosen, COLUMNS_MAX)
    left = "" if len(chosen) == len(columns) else "%d of %d columns are shown." % (len(chosen), len(columns))
    return chosen, left


def by_share(columns, identities):
    """Those that are near the best in most columns first."""
    shares = {identity: [share for share in (column.share(identity) for column in columns) if share is not None]
              for identity in identities}
    return sorted(identities, key=lambda identity: -median(shares[identity]) if shares[identity] else 1)


class Block:
    """Rows and columns of one kind, as many columns as fit beside each other."""

    def __init__(self, kind, columns, identities):
        self.kind, self.columns, self.identities = kind, columns, identities
        self.heads = [[line for label in column.labels for line in broken(label, HEAD_CHARS)] for column in columns]
        self.head_height = HEAD_LINE * max(len(head) for head in self.heads) + 0.1
        self.height = self.head_height + CELL_HEIGHT * len(identities) + 0.2


def rows_of_columns(columns):
    """[[column]]: those of one result stay together as long as they fit."""
    across = []
    for result in unique(column.result for column in columns):
        mine = [column for column in columns if column.result is result]
        if not across or len(across[-1]) + len(mine) > COLUMNS_ACROSS:
            across.append([])
        for column in mine:
            if len(across[-1]) == COLUMNS_ACROSS:
                across.append([])
            across[-1].append(column)
    return across


def blocks_of(columns):
    blocks = []
    for kind in unique(column.kind for column in columns):
        for part in rows_of_columns([column for column in columns if column.kind == kind]):
            ran = unique(identity for column in part for identity in column.rows)
            blocks.append(Block(kind, part, by_share(part, ran)))
    return blocks


def broken(text, width):
    """Lines of at most `width` characters, broken at blanks, else behind - = _ and ., else anywhere."""
    lines = [""]
    for word in text.split(" "):
        while len(word) > width:
            cut = max(word.rfind(sign, 0, width) for sign in "-=_.") + 1 or width
            lines.append(word[:cut])
            word = word[cut:]
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = (lines[-1] + " " + word).strip()
    return [line for line in lines if line]


class Reasons:
    """Footnotes: each text once, numbered as they come."""

    def __init__(self):
        self.texts = []

    def mark(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return "[%d]" % (self.texts.index(text) + 1)


def reason_of(row):
    if row.elsewhere:
        return "belongs to a shard that is not in the result"
    if row.verdict == "skipped":
        return row.reason_text
    return "failed its check: " + row.reason  # without what differs from cell to cell


def cell_texts(column, identity, reasons):
    """(large, small) of one cell."""
    row = column.rows.get(identity) or column.absent.get(identity)
    if not row:
        return "", "not in the file"
    if row.elsewhere or row.verdict == "skipped":
        return "", "not run " + reasons.mark(reason_of(row))
    if row.verdict == "fail":
        return "", "failed " + reasons.mark(reason_of(row))
    if not row.mops:
        return "", "no figure"
    mops = row.mops[0]
    return "%.2f" % column.share(identity), "%.*f Mops/s%s" % (
        0 if mops >= 100 else 1 if mops >= 10 else 2 if mops >= 0.1 else 4, mops, " *" if row.hollow else "")


def draw_cell(axes, colours, x, y, share, texts):
    from matplotlib.patches import Rectangle
    large, small = texts
    empty = share is None
    colour = "white" if empty else colours(min(1.0, share))
    dark = not empty and 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5
    axes.add_patch(Rectangle((x, y), CELL_WIDTH, CELL_HEIGHT, facecolor=colour, linewidth=1,
                             edgecolor="#cccccc" if empty else "white"))
    ink = "white" if dark else "black"
    if empty:
        axes.text(x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2, small, fontsize=7, color="#666666", ha="center", va="center")
        return
    axes.text(x + CELL_WIDTH / 2, y + CELL_HEIGHT * 0.31, large, fontsize=8, color=ink, ha="center", va="center")
    axes.text(x + CELL_WIDTH / 2, y + CELL_HEIGHT * 0.73, small, fontsize=6.5, color=ink, ha="center", va="center")


def draw_block(axes, colours, block, left, top, reasons):
    axes.text(MARGIN, top + block.head_height - 0.05, block.kind, fontsize=9, weight="bold", va="bottom")
    for number, (column, head) in enumerate(zip(block.columns, block.heads)):
        x = left + number * CELL_WIDTH
        axes.text(x + CELL_WIDTH / 2, top + block.head_height - 0.05, "\n".join(head), fontsize=7, ha="center",
                  va="bottom", linespacing=1.15)
        for place, identity in enumerate(block.identities):
            draw_cell(axes, colours, x, top + block.head_height + place * CELL_HEIGHT, column.share(identity),
                      cell_texts(column, identity, reasons))
    for place, identity in enumerate(block.identities):
        axes.text(left - 0.08, top + block.head_height + (place + 0.5) * CELL_HEIGHT, identity, fontsize=8, ha="right",
                  va="center")


def draw_key(axes, colours, x, y):
    """The colours with their meaning."""
    axes.text(x, y + 0.07, "share of the column's best:  0", fontsize=7.5, va="center")
    begin, width, steps = x + 1.75, 1.4, 70
    for step in range(steps):
        axes.fill_between([begin + width * step / steps, begin + width * (step + 1) / steps], y, y + 0.14,
                          color=colours(step / (steps - 1)), linewidth=0)
    axes.text(begin + width + 0.06, y + 0.07, "1", fontsize=7.5, va="center")


def notes_of(results, columns, left, reasons, width):
    """Lines below the table."""
    notes = ["Throughput by wall time (Mops/s: 10^6 operations a second), median over processes; above it, the share "
             "of the best in the column. In each block, who is near the best in most columns comes first. Columns of "
             "different workloads do not compare."]
    hollow = [row for column in columns for row in column.rows.values() if row.hollow and row.mops]
    if hollow:
        rules = unique(row.reason for row in hollow if row.reason)
        notes.append("*: untrustworthy" + (" (%s)" % ", ".join(rules) if rules else "") + ".")
    notes += ["[%d] %s" % (number + 1, text) for number, text in enumerate(reasons.texts)]
    notes += [left] if left else []
    for result in results:
        notes += source_notes(result)
    return [line for note in notes for line in wrap(note, int(width * 14.5)).split("\n")]


def draw_heat(results):
    import matplotlib
    from matplotlib.figure import Figure
    columns, left_out = columns_of(results)
    blocks = blocks_of(columns)
    if len(columns) < 2 or all(len(block.identities) < 2 for block in blocks):
        return None
    colours, reasons = matplotlib.colormaps[COLOURS], Reasons()
    names = 0.2 + 0.072 * max(len(identity) for block in blocks for identity in block.identities)
    width = max(8.5, MARGIN * 2 + names + CELL_WIDTH * max(len(block.columns) for block in blocks))
    for block in blocks:  # in the order in which cells are drawn
        for column in block.columns:
            for identity in block.identities:
                cell_texts(column, identity, reasons)
    used = [result for result in results if any(column.result is result for column in columns)]
    notes = notes_of(used, columns, left_out, reasons, width)
    one = len(results) == 1
    title = results[0].name + (": " + results[0].about if results[0].about else "") if one else \
        "%d workloads" % len(unique(result.name for result in used))
    lines = wrap(title, int(width * 13)).split("\n") + ["Throughput relative to the best of each column"]
    top = 0.1 + 0.19 * len(lines) + 0.3
    height = top + sum(block.height for block in blocks) + NOTE_LINE * len(notes) + 0.15
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.text(MARGIN, 0.08, "\n".join(lines), fontsize=10, va="top", linespacing=1.25)
    draw_key(axes, colours, MARGIN, top - 0.25)
    for block in blocks:
        draw_block(axes, colours, block, MARGIN + names, top, reasons)
        top += block.height
    axes.text(MARGIN, top, "\n".join(notes), fontsize=7.5, va="top", color="#444444", linespacing=1.2)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure
