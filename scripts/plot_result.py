"""plot_result.py - what plot.py reads: result files (memkit.result/1), and the figures worked out from
their samples by the same rules as the table's. Fields that are not known are passed over."""
import json
import math
import os

HIST_BITS = 7  # of the latency bins, see "bin" in the schema
CONFIDENCE = 0.95
PERCENTILES = (50, 90, 99, 99.9, 100)
# Okabe and Ito's colours, told apart by all kinds of sight; their yellow, darker, to be seen on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00", "#B8A800")
MARKERS = "osD^vP*X"
BYTES = ("structure", "requested", "rss")


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


def bytes_per_element(cell, when, sort="structure"):
    values = []
    for sample in cell.get("memory", []):
        elements, size = sample.get("elements_" + when), sample.get("%s_bytes_%s" % (sort, when))
        if elements and size is not None:
            values.append(size / elements)
    found = median(values) if values else None
    # No element fits there: it lies in memory that a library took for itself, and that was not seen.
    return None if found is not None and found < 1 else found


def entries(cell):
    """Elements after filling; None where unknown."""
    values = [sample["elements_fill"] for sample in cell.get("memory", []) if sample.get("elements_fill")]
    return median(values) if values else None


COURSE_LISTS = {"ops": "course_ops", "live": "course_live_bytes", "rss": "course_rss_bytes",
                "drain_at": "drain_at_ns", "drain_rss": "drain_rss_bytes"}


def course(cell):
    """What an allocator made of memory, by the first worker; None where that is not known."""
    for sample in cell.get("memory", []):
        seen = {name: [value + 0 for value in sample.get(key, [])] for name, key in COURSE_LISTS.items()}
        if not seen["ops"] or not seen["drain_at"]:
            continue
        if {len(seen[name]) for name in ("live", "rss")} != {len(seen["ops"])} or len(seen["drain_at"]) != len(seen["drain_rss"]):
            raise ValueError("the lists of a course are not of one length")
        live, rss = sample.get("peak_live_bytes"), sample.get("peak_rss_bytes")
        return dict(seen, kept=sample.get("drain_live_bytes"), peak_rss_over_live=rss / live if live and rss is not None else None)
    return None


GARBAGE_LISTS = ("at_ns", "nodes", "bytes", "stall_begin_ns", "stall_end_ns")


def looks_of(sample):
    """What the first reader that stood still in a round saw, with the round's own peaks; None where none did."""
    for garbage in sample.get("garbage", []):
        if not garbage.get("nodes"):
            continue
        seen = {name: [value + 0 for value in garbage.get(name, [])] for name in GARBAGE_LISTS}
        if len(seen["at_ns"]) != len(seen["nodes"]) or len(seen["bytes"]) not in (0, len(seen["nodes"])):
            raise ValueError("garbage has %d times for %d looks" % (len(seen["at_ns"]), len(seen["nodes"])))
        return dict(seen, every_ns=garbage.get("every_ns", 0), peak=sample.get("peak_unreclaimed"),
                    peak_bytes=sample.get("peak_unreclaimed_bytes"))
    return None


def garbage_rounds(cell, phase):
    """looks_of each timed round that has some."""
    seen = [looks_of(sample) for sample in cell.get("rounds", [])
            if sample.get("phase", 0) == phase and sample.get("sort", "timed") == "timed"]
    return [looks for looks in seen if looks]


# ---- results ---------------------------------------------------------------------------------------

class Row:
    """One phase of one cell, with everything that a chart may want."""

    def __init__(self, result, cell, phase, name, sort="structure"):
        self.identity = cell["identity"]
        self.threads = cell.get("threads", 1)
        self.oversubscribed = cell.get("oversubscribed", False)
        self.floor = cell.get("floor", False)
        self.verdict = cell.get("verdict", "pass")
        self.reason = cell["reasons"][0].get("rule", "") if cell.get("reasons") else ""
        self.reason_text = cell["reasons"][0].get("text", "") if cell.get("reasons") else ""
        self.elsewhere = cell.get("elsewhere", False)
        self.unbounded = cell.get("unbounded", False)
        self.point = result["groups"][cell.get("group", 0)].get("point", 0)
        self.label = result["points"][self.point].get("label") or ""
        self.phase, self.phase_name = phase, name
        phases = result["points"][self.point].get("phases") or [{}]
        self.paced = phases[phase].get("paced", False)
        self.mops = throughput(cell, phase)
        self.service = latency(cell, phase, "service")
        self.response = latency(cell, phase, "response")
        self.entries = entries(cell)
        self.fill = bytes_per_element(cell, "fill", sort)
        self.churn = bytes_per_element(cell, "churn", sort)
        self.garbage = garbage_rounds(cell, phase)
        self.course = course(cell)

    @property
    def hollow(self):
        return self.verdict == "untrustworthy"

    @property
    def memory(self):
        return self.churn if self.churn is not None else self.fill


class Result:
    """A result file: its rows, and how each implementation is to look in all of its charts. sort: which bytes
    charts of memory show, one of BYTES."""

    def __init__(self, path, sort="structure"):
        self.path, self.sort = path, sort
        self.stem = os.path.splitext(os.path.basename(path))[0]
        file = read(path)
        workload = file.get("workload", {})
        self.name = workload.get("name") or self.stem
        self.about = workload.get("about") or ""
        context = file.get("context", {})
        self.machine = context.get("machine_text") or "machine unknown"
        self.flavour = context.get("flavour") or ""
        self.date = (context.get("start_utc") or "").replace("T", " ")[:16]
        self.complete = file.get("complete", True)
        try:
            rows = [Row(file, cell, phase, name, sort) for cell in file["cells"]
                    for phase, name in enumerate(self.phases_of(file, cell))]
            self.all = [row for row in rows if not row.elsewhere and row.verdict != "skipped"]
            self.absent = [row for row in rows if row.elsewhere or row.verdict == "skipped"]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise Trouble("%s: not as memkit.result/1 has it (%s: %s)"
                          % (path, type(error).__name__, error)) from error
        self.rows = [row for row in self.all if row.verdict != "fail"]
        self.failed = [row for row in self.all if row.verdict == "fail" and row.phase == 0]
        self.identities = list(dict.fromkeys(row.identity for row in self.all if not row.floor))
        # What was measured, not what was planned: a run may have been ended, or a cell be known well enough.
        counts = [len({sample.get("process", 0) for sample in cell.get("rounds", [])}) for cell in file["cells"]]
        self.processes = sorted({count for count in counts if count}) or [0]  # of cells

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
