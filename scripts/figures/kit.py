"""kit.py - running memkit-bench for figures, what is read out of its results, and the page that figures are put on."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Bench:
    def __init__(self, build):
        self.build = build
        self.tool = os.path.join(TOP, build, "memkit-bench")
        self.folder = tempfile.mkdtemp()
        self.commands = []

    def plugin(self, name, compiler, standard, part=None):
        """Builds a plug-in of bench/ and returns its path."""
        env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(TOP, self.build))
        flags = subprocess.run(["pkg-config", "--cflags", "memkit"], env=env, capture_output=True, text=True, check=True)
        words = flags.stdout.split()
        if part:
            words += ["-DMK_PART_HASH", f"-DMK_PARTS=\"hash/{part}\"", "-include", os.path.join(TOP, f"impl/hash/{part}.c")]
        out = os.path.join(self.folder, os.path.splitext(name)[0] + ".so")
        source = os.path.join(TOP, "bench", name)
        subprocess.run([compiler, f"-std={standard}", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", *words, source, "-o", out], check=True)
        return out

    def has(self, identity):
        """Whether this build has an implementation: a peer may be missing."""
        listed = subprocess.run([self.tool, "list", "impls", "--json"], capture_output=True, text=True, check=True).stdout
        return any(impl["identity"] == identity for impl in json.loads(listed)["impls"])

    def run(self, workload, *options):
        """Runs one workload; returns its result and remembers the command as a person would type it."""
        out = os.path.join(self.folder, "result.json")
        shown = " ".join(["build/release/memkit-bench", workload, *(os.path.basename(o) if o.endswith(".so") else o for o in options)])
        print("bench:", shown, file=sys.stderr, flush=True)
        run = subprocess.run([self.tool, workload, "-o", out, "--quiet", *options], cwd=TOP, check=False)
        if run.returncode not in (0, 5):
            sys.exit(f"bench: {shown}: status {run.returncode}")
        with open(out, encoding="utf-8") as made:
            return shown, json.load(made)


def stress_kinds():
    """Every kind that can be put under stress: each has a workload file for it."""
    folder = os.path.join(TOP, "workloads/stress")
    return sorted(name[:-len(".json")] for name in os.listdir(folder) if name.endswith(".json"))


def cpu_ns(cell, phase=0):
    """CPU time an operation in a phase, by process: the median of its rounds."""
    rounds = {}
    for sample in cell["rounds"]:
        if sample.get("sort", "timed") != "timed" or sample.get("phase", 0) != phase:
            continue
        ops = sum(thread["ops"] for thread in sample["threads"])
        cpu = sum(thread["cpu_ns"] for thread in sample["threads"])
        if ops:
            rounds.setdefault(sample["process"], []).append(cpu / ops)
    return {process: statistics.median(values) for process, values in rounds.items()}


def cell_of(result, identity, label=None):
    for cell in result["cells"]:
        if cell["identity"] == identity and (label is None or cell["label"] == label):
            return cell
    raise KeyError(identity)


def ratio(result, above, below, label=None):
    """Median and range over processes of how often `below` goes into `above`."""
    a, b = cpu_ns(cell_of(result, above, label)), cpu_ns(cell_of(result, below, label))
    values = sorted(a[process] / b[process] for process in a if process in b)
    return statistics.median(values), values[0], values[-1]


def spread(cell):
    values = sorted(cpu_ns(cell).values())
    return statistics.median(values), values[0], values[-1]


def paragraph(text):
    return "\n".join(textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)) + "\n"


def load():
    return f"{os.getloadavg()[0]:.1f}"


class Page:
    """Of one section."""

    def __init__(self):
        self.began = load()
        self.rows = []
        self.tables = []  # text below the figures

    def add(self, what, wanted, measured, met, command):
        self.rows.append((what, wanted, measured, {True: "yes", False: "**no**", None: "unresolved"}[met], command))
        print(f"  {what}: {measured} (wanted {wanted}) {'' if met else 'MISSED' if met is False else 'UNRESOLVED'}", file=sys.stderr, flush=True)


def says(program, *arguments, **variables):
    """Runs a program that make has built and returns its lines."""
    print("bench:", *(f"{name}={value}" for name, value in variables.items()), program, *arguments, file=sys.stderr, flush=True)
    made = subprocess.run([os.path.join(TOP, program), *arguments], cwd=TOP, env=dict(os.environ, **variables),
                          capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"bench: {program}: status {made.returncode}\n{made.stdout}{made.stderr}")
    return made.stdout.split("\n")
