"""malloc.py - figures of libmemkit.so, beside the C library's malloc and the packaged ones under which any program can be run
(LD_PRELOAD), and of alloc/thread_local beside the same libraries in a batch.

One program (bench/malloc) is run under each, one scenario a process, all libraries in turn before the next process of any; ratios are
made among processes that ran one after the other. CPU time is that of the whole process while the scenario was timed.
"""
import json
import os
import statistics
import subprocess
import sys

from figures.kit import TOP, cpu_ns, paragraph
from figures.structures import cells_at, interval, judged, labels_of, quotients, swept, table, threads_of, with_threads

# How each is called, what is preloaded, and what the name of the library that malloc comes from has in it.
RIVALS = {"jemalloc": ("libjemalloc.so.2", "libjemalloc."), "mimalloc": ("libmimalloc.so.2", "libmimalloc."),
          "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc_minimal."), "tbbmalloc": ("libtbbmalloc_proxy.so.2", "libtbbmalloc_proxy.")}
OURS = "libmemkit"
SMALL_FIXED = ("fixed_lifo", "fixed_fifo")
MIXED = ("mixed", "log_uniform")
CROSSING = ("exchange_2", "batches_2")
LATENCY_OF = ("mixed", "log_uniform", "large", "exchange_2", "bleed_2")
PROCESSES, MEMORY_PROCESSES, LATENCY_PROCESSES = 6, 3, 3
SETTLE_MS = 200
LEAST_LIVE = 1 << 20  # bytes: of less, the peak says more about the process than about the scenario
COMMAND = "LD_PRELOAD=LIBRARY build/release/bench/malloc_scenarios SCENARIO"


# ---- running ------------------------------------------------------------------------------------


class Mallocs:
    """The program, and the libraries that are here to run it under."""

    def __init__(self, build):
        self.program = os.path.join(TOP, build, "bench/malloc_scenarios")
        self.counter = os.path.join(TOP, build, "bench/malloc_count.so")
        ours = os.path.join(TOP, build, "libmemkit.so")
        known = {"glibc": ("", "libc."), **RIVALS, OURS: (ours, "libmemkit.")}
        self.libraries = {name: pair for name, pair in known.items() if self.is_live(*pair)}
        self.missing = [name for name in known if name not in self.libraries]
        listed = self.says("", "--list").split("\n")
        self.about = {name: about for name, _, about in (line.split("\t") for line in listed if line)}
        self.sharing = [name for name in self.about if name.startswith("sharing_")]
        self.scenarios = [name for name in self.about if name not in self.sharing]

    def run(self, preload, *words):
        return subprocess.run([self.program, *words], env=dict(os.environ, LD_PRELOAD=preload), capture_output=True, text=True, check=False)

    def says(self, preload, *words):
        run = self.run(preload, *words)
        if run.returncode:
            sys.exit(f"bench: LD_PRELOAD={preload} {self.program} {' '.join(words)}: status {run.returncode}\n{run.stderr}")
        return run.stdout

    def is_live(self, preload, word):
        return word in os.path.basename(self.run(preload, "--library").stdout.strip())

    def measure(self, library, scenario, mode):
        preload, word = self.libraries[library]
        return json.loads(self.says(preload, scenario, "--mode", mode, "--expect", word, "--settle", str(SETTLE_MS)))

    def in_turn(self, scenarios, mode, processes):
        """Results by scenario and library, one a process; another library is the first one each time."""
        names, found = list(self.libraries), {}
        for scenario in scenarios:
            print(f"bench: {COMMAND.replace('SCENARIO', scenario)} --mode {mode}, {processes} times each", file=sys.stderr, flush=True)
            by_library = {name: [] for name in names}
            for process in range(processes):
                for at in range(len(names)):
                    name = names[(process + at) % len(names)]
                    by_library[name].append(self.measure(name, scenario, mode))
            found[scenario] = by_library
        return found

    def check_calls(self):
        """Each scenario once with its calls counted; the program fails where they are not those of its script."""
        for scenario in self.about:
            if "seen" not in json.loads(self.says(self.counter, scenario, "--percent", "5")):
                sys.exit(f"bench: nothing was counted under {self.counter}")


# ---- what results say ---------------------------------------------------------------------------


def column(results, *path):
    """One number of each process."""
    values = []
    for result in results:
        for key in path:
            result = result[key]
        values.append(result)
    return values


def over_live(results):
    """Peak resident bytes over peak live ones, by process; None where little is live."""
    peak, live = column(results, "memory", "peak_rss_bytes"), column(results, "memory", "peak_live_bytes")
    return [rss / bytes_live for rss, bytes_live in zip(peak, live)] if min(live) >= LEAST_LIVE else None


def best_of_four(by_library, value):
    """The rival with the smallest median."""
    return min((name for name in RIVALS if name in by_library), key=lambda name: statistics.median(value(by_library[name])))


def cpu(results):
    return column(results, "cpu_ns_per_op")


def gain(by_library):
    """The best rival, and how often our CPU time goes into its own, process by process."""
    best = best_of_four(by_library, cpu)
    return best, sorted(theirs / ours for theirs, ours in zip(cpu(by_library[best]), cpu(by_library[OURS])))


def shown(values, digits=1):
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


# ---- figures ------------------------------------------------------------------------------------


def speed_figures(page, times):
    for what, scenarios, limit in (("small blocks of one size, one thread", SMALL_FIXED, 1.0), ("mixed sizes, one thread", MIXED, 1.0),
                                   ("allocated by one thread, freed by another", CROSSING, 1.8)):
        for scenario in scenarios:
            best, values = gain(times[scenario])
            judged(page, f"`libmemkit.so` against the best of the four ({best}), {what} (`{scenario}`)", f">= {limit}x", values, limit,
                   COMMAND)
    loss = {scenario: gain(by_library) for scenario, by_library in times.items()}
    worst = min(loss, key=lambda scenario: statistics.median(loss[scenario][1]))
    best, values = loss[worst]
    slower = sorted(1 / value for value in values)
    page.add(f"... the scenario in which it is slowest beside the best of the four (`{worst}`, {best}): times its CPU time", "<= 1.15x",
             interval(slower), statistics.median(slower) <= 1.15, COMMAND)


def memory_figures(page, memory):
    above = {}
    for scenario, by_library in memory.items():
        if over_live(by_library[OURS]):
            best = best_of_four(by_library, over_live)
            theirs, ours = (statistics.median(over_live(by_library[name])) for name in (best, OURS))
            above[scenario] = (ours / theirs, best, ours)
    worst = max(above, key=lambda scenario: above[scenario][0])
    quotient, best, _ = above[worst]
    page.add(f"`libmemkit.so`: peak resident over peak live bytes against the best of the four, where it is worst (`{worst}`, {best})",
             "<= 1.05x", f"{quotient:.2f}x", quotient <= 1.05, COMMAND + " --mode memory")
    growing = above["growing"][2]
    page.add("`libmemkit.so`: peak resident over peak live bytes, growing sizes", "<= 3", f"{growing:.2f}", growing <= 3,
             COMMAND + " --mode memory")


def sizes_of(label):
    most = swept(label)["blocks.max_bytes"]
    return "64 B" if most == "64" else f"64 to {most} B"


def batch_cell(cell, ours):
    if cell is None:
        return "-"
    text = f"{statistics.median(cpu_ns(cell).values()):.2f}"
    return text if cell is ours or cell["floor"] else f"{text} ({statistics.median(quotients(cell, ours)):.2f}x)"


def batch_figures(bench, page):
    """alloc/thread_local compiled into the loop, and the libraries called from the same one."""
    columns, rows = ("alloc/null", "alloc/thread_local", "alloc/libc", *(f"alloc/{rival}" for rival in RIVALS)), []
    for workload, what in (("workloads/bench/alloc-peers.json", "a pair"), ("workloads/bench/alloc-peers-handover.json", "handed over")):
        command, result = bench.run(workload)
        for label in labels_of(result):
            for threads in threads_of(result):
                cells = cells_at(result, label, threads)
                ours = cells["alloc/thread_local"]
                rows.append([what, sizes_of(label), str(threads), *(batch_cell(cells.get(name), ours) for name in columns)])
                if "alloc/tcmalloc" in cells and what == "a pair":
                    values = quotients(ours, cells["alloc/tcmalloc"])
                    figure = f"`alloc/thread_local` compiled into the loop, its pair beside that of `alloc/tcmalloc`, {sizes_of(label)}"
                    page.add(with_threads(figure, threads), "<= 0.5x", interval(values), statistics.median(values) <= 0.5, command)
    head = ["operation", "blocks", "threads", *(name.split("/")[1] for name in columns)]
    put(page, "In the loop of the harness (workloads/bench/alloc-peers.json, alloc-peers-handover.json): ns of CPU time an operation, and "
        "how many times that of `alloc/thread_local` it is. A pair frees a block and allocates another, two operations; a block that is "
        "handed over is freed by another thread.", table(head, rows))


# ---- tables -------------------------------------------------------------------------------------


def by_scenario(found, cell, last=None):
    """A table with a row a scenario and a column a library, and a last one; rows that say nothing are left out."""
    names, rows = list(next(iter(found.values()))), []
    for scenario, by_library in found.items():
        row = [cell(by_library[name]) for name in names]
        if any(row):
            rows.append([f"`{scenario}`", *(text or "-" for text in row), *([last[1](by_library)] if last else [])])
    return table(["scenario", *names, *([last[0]] if last else [])], rows)


def speed_table(times):
    def beside(by_library):
        if OURS not in by_library or not any(name in by_library for name in RIVALS):
            return "-"
        best, values = gain(by_library)
        return f"{interval(values)} ({best})"
    return by_scenario(times, lambda results: shown(cpu(results)), ("the best of the four against ours", beside))


def peak_cell(results):
    values = over_live(results)
    return values and f"{statistics.median(values):.2f}"


def drained_cell(results):
    """Megabytes after all is freed, at once and later."""
    at = [statistics.median(result["memory"]["drained"][i]["rss_bytes"] for result in results) / 1e6 for i in range(2)]
    return f"{at[0]:.1f}, {at[1]:.1f}" if over_live(results) else None


def waste_cell(results):
    memory = results[0]["memory"]
    return f"{100 * (memory['usable_bytes'] / memory['requested_bytes'] - 1):.1f}%" if memory["requested_bytes"] >= LEAST_LIVE else None


def sharing_cell(results):
    census = [result["census"] for result in results if "census" in result]
    return f"{100 * statistics.median(one['shared'] / one['objects'] for one in census):.1f}%" if census else None


def latency_cell(call):
    def cell(results):
        return ", ".join(f"{statistics.median(column(results, 'latency', call, key)):,.0f}" for key in ("p50_ns", "p99_ns", "p999_ns"))
    return cell


def put(page, text, made):
    page.tables.append(paragraph(text) + "\n" + made)


def tables(page, found, times, memory, latency):
    scenarios = "; ".join(f"`{name}`: {about}" for name, about in found.about.items())
    page.tables.append(paragraph(f"The scenarios of one program, run under each library: {scenarios}."))
    put(page, "CPU time of the whole process for each block that is asked for, its free included, ns; median and range of "
        f"{PROCESSES} processes.", speed_table(times))
    put(page, f"Peak resident over peak live bytes, where at least {LEAST_LIVE >> 20} MiB is live; both are the scenario's, and what was "
        f"resident before it is taken off. Medians of {MEMORY_PROCESSES} processes.", by_scenario(memory, peak_cell))
    first = next(iter(memory.values()))
    put(page, "Kibibytes that the process has written to before its first call, which are in none of these figures.",
        table(list(first), [[f"{statistics.median(column(at, 'memory', 'startup_bytes')) / 1024:,.0f}" for at in first.values()]]))
    put(page, f"Megabytes that are still resident after all has been freed: at once, and {SETTLE_MS} ms later.",
        by_scenario(memory, drained_cell))
    put(page, "Rounding: what malloc_usable_size says of the blocks that are live at the end, beyond what was asked for.",
        by_scenario(memory, waste_cell))
    put(page, "False sharing: live blocks that lie on a line of 64 bytes with a block that another thread has allocated.",
        by_scenario(memory, sharing_cell))
    clock = statistics.median(result["latency"]["clock_ns"] for by_library in latency.values() for results in by_library.values()
                              for result in results)
    for call in ("malloc", "free"):
        put(page, f"Single calls of {call}, ns: the median, 99 % and 99.9 % of a sample of one call in eight. The clock shows {clock:.0f} "
            "ns where nothing is called.", by_scenario(latency, latency_cell(call)))


def mallocs(bench, page):
    found = Mallocs(bench.build)
    if found.missing:
        print(f"bench: no figures of {', '.join(found.missing)}: scripts/setup --peers, then make", file=sys.stderr)
    found.check_calls()
    times = found.in_turn(found.scenarios, "timed", PROCESSES)
    memory = found.in_turn([*found.scenarios, *found.sharing], "memory", MEMORY_PROCESSES)
    latency = found.in_turn(LATENCY_OF, "latency", LATENCY_PROCESSES)
    if OURS in found.libraries and any(name in found.libraries for name in RIVALS):
        speed_figures(page, times)
        memory_figures(page, memory)
    tables(page, found, times, memory, latency)
    batch_figures(bench, page)
