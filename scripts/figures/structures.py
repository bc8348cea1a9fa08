"""structures.py - figures of the structures, beside the packaged libraries that scripts/setup --peers installs."""
import statistics
import sys

from figures.kit import cell_of, cpu_ns, paragraph, spread

MIXES = (("get", 3.0), ("90/5/5", 2.0), ("50/25/25", 1.8))
PEERS = ("map/tbb", "map/libcuckoo", "map/cds_lfht", "map/ck_ht", "map/ck_hs", "map/libcds_skiplist")


# ---- what results say ---------------------------------------------------------------------------


def cells_at(result, label, threads=None):
    """What was measured at a point of the sweep, by identity."""
    return {cell["identity"]: cell for cell in result["cells"]
            if cell["label"] == label and (threads is None or cell["threads"] == threads) and not cell["skipped"]}


def labels_of(result):
    return list(dict.fromkeys(cell["label"] for cell in result["cells"]))


def swept(label):
    return dict(part.split("=", 1) for part in label.split())


def phase_index(result, name):
    for point in result["points"]:
        for index, phase in enumerate(point["phases"]):
            if phase["name"] == name:
                return index
    raise KeyError(name)


def quotients(above, below, phase=0):
    """How often `below` goes into `above`, process by process, ascending."""
    a, b = cpu_ns(above, phase), cpu_ns(below, phase)
    return sorted(a[process] / b[process] for process in a if process in b)


def interval(values, unit="x"):
    return f"{statistics.median(values):.2f}{unit} [{values[0]:.2f}, {values[-1]:.2f}]"


def judged(page, what, wanted, values, limit, command):
    page.add(what, wanted, interval(values), statistics.median(values) >= limit, command)


def per_entry(cell, which, stage="fill"):
    memory = cell["memory"][0]
    return memory[f"{which}_bytes_{stage}"] / memory[f"elements_{stage}"]


def table(head, rows):
    text = "| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|\n"
    return text + "".join("| " + " | ".join(row) + " |\n" for row in rows)


# ---- maps ---------------------------------------------------------------------------------------


def best_of(cells, phase):
    """The quickest peer of them, by its median."""
    present = [cells[name] for name in PEERS if name in cells]
    return min(present, key=lambda cell: statistics.median(cpu_ns(cell, phase).values())) if present else None


def maps_beside_peers(bench, page):
    """`map/lines` beside the best of the peers: every size, distribution, number of threads and mix."""
    rows, least, commands = [], {}, []
    for workload in ("workloads/bench/peers.json", "workloads/bench/peers-large.json"):
        command, result = bench.run(workload)
        commands.append(command)
        for label in labels_of(result):
            keys = swept(label)
            for threads in sorted({cell["threads"] for cell in result["cells"]}):
                cells = cells_at(result, label, threads)
                row = [f"{int(keys['keys.count']) // 2:,}", keys["keys.distribution"], str(threads)]
                for mix, _ in MIXES:
                    phase = phase_index(result, mix)
                    best = best_of(cells, phase)
                    if not best or "map/lines" not in cells:
                        row.append("-")
                        continue
                    values = quotients(best, cells["map/lines"], phase)
                    own = statistics.median(cpu_ns(cells["map/lines"], phase).values())
                    row.append(f"{interval(values)} {best['identity']}, {own:.1f} ns")
                    at = (statistics.median(values), " ".join(row[:3]), values)
                    least[mix] = min(least.get(mix, at), at)
                rows.append(row)
    for mix, limit in MIXES:
        if mix in least:
            _, where, values = least[mix]
            page.add(f"`map/lines` against the best packaged concurrent map, {mix}, where it gains least (entries, keys, threads: {where})",
                     f">= {limit}x", interval(values), statistics.median(values) >= limit, " and ".join(commands))
    page.tables.append(paragraph("`map/lines` against the best of the packaged concurrent maps at each setting: how many times their CPU time "
                                 "an operation takes ours, which peer that was, and our own CPU time an operation. The peers: "
                                 + ", ".join(f"`{name}`" for name in PEERS) + ".")
                       + "\n" + table(["entries", "keys", "threads", *(mix for mix, _ in MIXES)], rows))


def bytes_over_doubling(bench, page):
    """Bytes an entry at eight sizes from 4 M to 8 M: structure bytes of our own, resident bytes beside peers."""
    command, result = bench.run("workloads/bench/bytes-over-doubling.json", "--timeout", "10min")  # bytes are the same on a busy machine
    resident, structure = {}, {}
    for label in labels_of(result):
        for identity, cell in cells_at(result, label).items():
            if cell["memory"] and cell["memory"][0]["elements_fill"] and not cell["floor"]:
                resident.setdefault(identity, []).append(per_entry(cell, "rss"))
                if per_entry(cell, "structure") >= 1:  # a library allocates for itself
                    structure.setdefault(identity, []).append(per_entry(cell, "structure"))
    mean = {identity: statistics.mean(values) for identity, values in resident.items()}
    peers = [identity for identity in mean if identity in PEERS]
    own = [identity for identity in mean if identity not in PEERS]
    if peers:
        leanest, rival = min(own, key=mean.get), min(peers, key=mean.get)
        page.add(f"our leanest map, `{leanest}`: resident bytes an entry, mean of 8 sizes from 4 M to 8 M",
                 f"< {mean[rival]:.1f} (`{rival}`)", f"{mean[leanest]:.1f}", mean[leanest] < mean[rival], command)
        at = min(range(len(resident[rival])), key=lambda i: resident[rival][i])
        quotient = resident[leanest][at] / resident[rival][at]
        page.add(f"... at the size that suits `{rival}` best", "<= 1.05x", f"{quotient:.2f}x", quotient <= 1.05, command)
    for identity, limit in (("map/lines", 24), ("map/chain", 53)):
        if identity in structure:
            at = statistics.mean(structure[identity])
            page.add(f"`{identity}`: structure bytes an entry, mean of the same sizes", f"<= {limit}", f"{at:.1f}", at <= limit, command)
    if "map/hopscotch" in structure:
        low, high = min(structure["map/hopscotch"]), max(structure["map/hopscotch"])
        page.add("`map/hopscotch`: structure bytes an entry at the same sizes; 16 B an entry and 8 a value, 32 with what the allocator rounds, "
                 "and 16 B a slot at loads of .375 to .75", "53.3 to 74.7", f"{low:.1f} to {high:.1f}", low >= 53.2 and high <= 75, command)
    rows = [[f"`{identity}`", f"{mean[identity]:.1f}", f"{min(resident[identity]):.1f} to {max(resident[identity]):.1f}",
             f"{statistics.mean(structure[identity]):.1f}" if identity in structure else "-"] for identity in sorted(mean, key=mean.get)]
    page.tables.append(paragraph("Bytes an entry over a doubling from 4 M entries, eight sizes.") + "\n"
                       + table(["map", "resident, mean", "resident, range", "structure, mean"], rows))


def threads_of(result):
    """Numbers of threads that have PUs of their own."""
    return sorted({cell["threads"] for cell in result["cells"] if not cell["oversubscribed"]})


def with_threads(what, threads):
    return f"{what}, {threads} thread{'s' * (threads > 1)}"


def ordered(bench, page):
    if bench.has("map/libcds_skiplist"):
        command, result = bench.run("workloads/bench/skiplists.json")
        for threads in threads_of(result):
            cells = cells_at(result, "", threads)
            for phase in ("get", "insert"):
                values = quotients(cells["map/libcds_skiplist"], cells["map/skiplist"], phase_index(result, phase))
                judged(page, with_threads(f"`map/skiplist` against libcds' skip list, {phase}", threads), ">= 1.2x", values, 1.2, command)
    command, result = bench.run("workloads/map/scan.json", "--impl", "map/btree", "--impl", "map/skiplist")
    for threads in threads_of(result):
        cell = cells_at(result, "", threads)["map/btree"]
        get, scan = (cpu_ns(cell, phase_index(result, phase)) for phase in ("get", "scan"))
        judged(page, with_threads("`map/btree`: a scan of 100 keys against 100 gets", threads), ">= 5x",
               sorted(100 * get[process] / scan[process] for process in get if process in scan), 5, command)
    requested = per_entry(cell_of(result, "map/skiplist"), "requested")
    page.add("`map/skiplist`: requested bytes an entry; `reclaim/ebr` has no header in it", "<= 40", f"{requested:.1f}", requested <= 40,
             command)


# ---- what is not a map --------------------------------------------------------------------------


def beside(bench, page, workload, kind, name, rival, what, limit, *options):
    """One ratio a number of threads."""
    command, result = bench.run(workload, "--impl", f"{kind}/{name}", "--impl", f"{kind}/{rival}", *options)
    for threads in threads_of(result):
        cells = [cell for cell in result["cells"] if cell["threads"] == threads and not cell["skipped"]]
        ours, theirs = (next(cell for cell in cells if cell["identity"].split("+")[0] == f"{kind}/{one.split('+')[0]}") for one in (name, rival))
        judged(page, with_threads(f"`{kind}/{name}` against `{kind}/{rival}`, {what}", threads), f">= {limit}x", quotients(theirs, ours),
               limit, command)


def containers(bench, page):
    if bench.has("stack/ck_stack"):
        beside(bench, page, "workloads/stack/pairs.json", "stack", "treiber_index", "ck_stack", "push and pop", 1.2)
    beside(bench, page, "workloads/refcount/owner-pair.json", "refcount", "biased", "compact", "clone and drop by the owner", 5)


def reclaimers(bench, page):
    """What sections cost, and what a reader that stands still holds back."""
    _, result = bench.run("workloads/reclaim/enter-leave.json")
    threads = threads_of(result)
    rows = []
    for identity in dict.fromkeys(cell["identity"] for cell in result["cells"]):
        found = {cell["threads"]: cell for cell in result["cells"] if cell["identity"] == identity and not cell["skipped"]}
        shown = [spread(found[t]) if t in found else None for t in threads]
        rows.append([f"`{identity}`", *("-" if s is None else f"{s[0]:.2f} [{s[1]:.2f}, {s[2]:.2f}]" for s in shown)])
    page.tables.append(paragraph("An empty section, entered and left: ns of CPU time (`memkit-bench workloads/reclaim/enter-leave.json`).") + "\n"
                       + table(["reclaimer", *(f"{t} thread{'s' * (t > 1)}" for t in threads)], rows))
    _, result = bench.run("workloads/reclaim/stalled.json")
    rows = []
    for cell in result["cells"]:
        if cell["skipped"] or not cell["memory"] or cell["floor"]:
            continue
        peaks = [one["peak_unreclaimed_bytes"] for one in cell["rounds"] if one["peak_unreclaimed_bytes"]]
        rows.append([f"`{cell['identity']}`", "unbounded" if cell["unbounded"] else "bounded",
                     f"{statistics.median(peaks) / 1024:,.1f}" if peaks else "-"])
    page.tables.append(paragraph("A reader stands still while others replace (`memkit-bench workloads/reclaim/stalled.json`): the most that waited "
                                 "for it at any time, the median of the rounds. Unbounded is what grows for as long as it stands. That nothing "
                                 "is left after a flush at quiescence is a condition of every conformance case.") + "\n"
                       + table(["reclaimer", "garbage", "peak, KiB"], rows))


def peers_missing(bench):
    missing = [name for name in PEERS if not bench.has(name)]
    if missing:
        print(f"bench: no figures beside {', '.join(missing)}: scripts/setup --peers, then make", file=sys.stderr)
    return bool(missing)


def maps(bench, page):
    if not peers_missing(bench):
        maps_beside_peers(bench, page)


def map_bytes(bench, page):
    if not peers_missing(bench):
        bytes_over_doubling(bench, page)


def others(bench, page):
    ordered(bench, page)
    containers(bench, page)
    reclaimers(bench, page)
