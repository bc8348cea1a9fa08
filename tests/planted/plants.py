"""plants.py - the planted bugs of this folder: what their first lines say, a hunt for one of them, and whether what
was caught is what was to be caught.

The first comment of NAME.c, after its sentence:
    bug:       what is wrong, in a line
    finds:     oracles that may be first to find it, the expected one first (globs, | between them)
    rule:      rules of a finding that will do, the expected one first (globs); "oracle" is KIND/ORACLE, a finding of
               the oracle's own
    says:      words of the sentence of an oracle's own finding, the first one; left out: any
    flavours:  builds that show it; in "model", which has oracles and rules of its own, any finding is the one
    pressure:  "any", or the name of the one that it takes
    single:    "passes" or "fails": the oracles of one thread
    set:       a key of the workload that it takes
    scenario:  what tests/test_scenarios finds it by, too, in builds without sanitizers, | and words that this says
    only:      why no build that runs natively shows it
"""
import collections
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

# Oracles that have but one thread.
ALONE = {
    "map": ["model", "growth", "collisions", "scan", "batch", "no_memory", "held"],
    "alloc": ["blocks", "orders", "crumbs", "reset", "scopes", "reuse", "refusals", "strays",
              "constructed", "no_memory", "batch"],
    "reclaim": ["model", "batch", "no_memory", "bounded", "held"],
    "stack": ["model", "growth", "batch", "no_memory", "held"],
    "list": ["model", "order", "batch", "no_memory", "held"],
    "queue": ["model", "fill", "batch", "no_memory", "no_room"],
    "slots": ["model", "batch", "full", "many", "zero", "handles", "no_memory"],
    "refcount": ["model", "batch", "no_memory", "many", "owners"],
}

Plant = collections.namedtuple("Plant", "name kind title bug finds rule says flavours pressure single set only scenario")
Hunt = collections.namedtuple("Hunt", "status findings trials spent_s said command")


def words(text):
    return [word.strip() for word in text.split("|")]


def read_plant(path):
    with open(path, encoding="utf-8") as source:
        comment = source.read().split("*/")[0]
    name = os.path.basename(path)[:-2]
    title, _, fields = comment.partition("\n *\n")
    said = collections.defaultdict(str)
    key = None
    for line in fields.splitlines():
        found = re.match(r" \* (?:(\w+): +)?\s*(.*)", line)
        if not found:
            continue
        key = found.group(1) or key
        said[key] = (said[key] + " " + found.group(2)).strip()
    title = " ".join(title.replace("/*", "").replace("\n *", " ").split())
    if not title.startswith(name + " - "):
        raise ValueError(f"{path} does not begin with its name")
    return Plant(name, name.split("_")[0], title.split(" - ", 1)[1], said["bug"], words(said["finds"]),
                 words(said["rule"]), said["says"], said["flavours"].split(), said["pressure"], said["single"],
                 said["set"], said["only"], said["scenario"])


def all_plants():
    return [read_plant(os.path.join(HERE, file)) for file in sorted(os.listdir(HERE)) if file.endswith(".c")]


def is_model(build):
    return os.path.basename(build) == "model"


def plugin(plant, build, twin=False):
    return os.path.join(build, "tests/planted", plant.name + ("-twin" if twin else "") + ".so")


def command(plant, build, seed, seconds, twin=False, pressed=True):
    """The words of a hunt by memkit-bench of that build folder, without the file that it writes. Where nothing is to
    be found, `pressed` is false: that is to hold under all pressures. Without `seconds`, something else is to limit
    it."""
    made = [os.path.join(build, "memkit-bench"), "stress", f"workloads/stress/{plant.kind}.json",
            "--impl", f"{plant.kind}/{plant.name}", "--plugin", plugin(plant, build, twin),
            "--seed", str(seed), "--stop-at-first", "--quiet"]
    if seconds:
        made += ["--seconds", str(seconds)]
    if pressed and plant.pressure != "any" and not is_model(build):
        made += ["--pressure", plant.pressure]
    if plant.set:
        made += ["--set", plant.set]
    return made


def hunt(plant, build, seed=1, seconds=10, twin=False, pressed=True, more=()):
    """Runs one hunt in the top folder, at most three minutes longer than it is to take, or than five minutes:
    a trial is not cut short, and on a busy machine it takes long."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "stress.json")
        made = [*command(plant, build, seed, seconds, twin, pressed), *more]
        try:
            run = subprocess.run([*made, "-o", out], cwd=TOP, capture_output=True, text=True, errors="replace",
                                 timeout=(seconds or 300) + 180, check=False)
            status, said = run.returncode, run.stderr
        except subprocess.TimeoutExpired as late:
            status, said = None, f"no end after {late.timeout} s"
        result = {}
        if os.path.exists(out):
            with open(out, encoding="utf-8") as file:
                result = json.load(file)
    return Hunt(status, result.get("findings") or [], result.get("trials") or [], result.get("spent_s"), said, made)


def matches(globs, text):
    return any(fnmatch.fnmatchcase(text, glob) for glob in globs)


def is_expected(plant, finding):
    """Whether a finding is one of those that the plant is to cause."""
    if finding["flavour"] == "model":
        return finding["rule"].startswith("model/") and bool(finding.get("token"))
    if finding["oracle"] and not matches(plant.finds, finding["oracle"]):
        return False # a leak is found at the end, and has none
    if finding["rule"] == f"{plant.kind}/{finding['oracle']}":
        return "oracle" in plant.rule
    return matches(plant.rule, finding["rule"])


def complaint(plant, seen):
    """Why the hunt for a plant did not end as it is to, or None."""
    if seen.status != 4 or not seen.findings:
        tried = sum(trial["trials"] for trial in seen.trials)
        return f"nothing is found in {tried} trials (status {seen.status}): {seen.said[-300:]}"
    first = seen.findings[0]
    for finding in seen.findings:
        if not is_expected(plant, finding):
            return f"another catch than expected: {finding['rule']} by {finding['oracle']}: {finding['what']}"
    if first["rule"] == f"{plant.kind}/{first['oracle']}" and plant.says not in first["what"]:
        return f"the words {plant.says!r} are not in what is said: {first['what']}"
    return None


def alarm(seen):
    """Why a hunt that is to find nothing did not end so, or None."""
    if seen.findings:
        finding = seen.findings[0]
        return f"a false alarm: {finding['rule']} by {finding['oracle']} under {finding['pressure']}: {finding['what']}"
    if seen.status != 0:
        return f"status {seen.status}: {seen.said[-300:]}"
    if not any(trial["trials"] for trial in seen.trials):
        return "nothing was tried"
    return None


def shown_by(plant, builds):
    """The builds to hunt it in. Where there is a debug build, every one that shows it; else one in which it is found
    whatever else the PUs do: that of ThreadSanitizer where it is to say it, since it need not see two threads meet; of
    what one thread shows, that of the sanitizer which is to say it or the first one; else the model flavour."""
    shows = [build for build in builds if build in plant.flavours]
    if "debug" in builds:
        return shows
    said_by = plant.rule[0].split("/")[0]
    if said_by == "tsan" or (said_by == "asan" and plant.single != "passes"):
        wanted = [said_by, "model"]
    else:
        wanted = ["model"] if plant.single == "passes" else ["asan", "tsan"] if said_by == "?san" else []
    return sorted(shows, key=lambda build: wanted.index(build) if build in wanted else len(wanted))[:1]


def quiet_in(plant, builds):
    """The builds to try its twin in: that of the hunt, or the first one where only sanitizers say something."""
    if "debug" in builds:
        return builds
    return [build if build in (builds[0], "model") else builds[0] for build in shown_by(plant, builds)]


def alone_in(plant, builds):
    """The builds to try it in with the oracles of one thread."""
    natively = [build for build in builds if build != "model"][:1] if plant.single == "passes" else []
    return natively if "debug" in builds else [build for build in natively if build in shown_by(plant, builds)]


def named_by_tests():
    """The words in quotes in tests of the model flavour: plants among them are tried there."""
    files = [os.path.join(TOP, "tests/test_model.py")]
    files += [file.path for file in os.scandir(os.path.join(TOP, "tests/model")) if file.name.endswith(".c")]
    text = ""
    for path in files:
        with open(path, encoding="utf-8") as source:
            text += source.read()
    return set(re.findall(r'"(\w+)"', text))


def needed(build, builds):
    """The plug-ins that tests/test_planted.py, test_scenarios.c and tests of the model flavour want of a build, where
    there are all of these."""
    named = named_by_tests() if is_model(build) else set()
    names = [plant.name for plant in all_plants()
             if build in shown_by(plant, builds) or build in alone_in(plant, builds)
             or plant.scenario and build in ("release", "debug") or plant.name in named]
    return names + [plant.name + "-twin" for plant in all_plants()
                    if build in quiet_in(plant, builds) or plant.name + "-twin" in named]


if __name__ == "__main__":
    print(" ".join(needed(sys.argv[1], sys.argv[2:])))
