"""model.py - figures of the model flavour: how fast it is, and what it reaches."""
import json
import os
import re
import subprocess
import sys

from figures.kit import TOP, paragraph, says, stress_kinds

# Outcomes of litmus tests that tell of a memory model, by memory model and how many schedules of each test.
LITMUS = {"c11": ("c11_shows", 1000000), "tso": ("tso_shows", 100000), "sc": ("sc_shows", 100000)}


def litmus(page):
    """Carries out all litmus tests; the test program fails where an outcome is forbidden, or missing."""
    program, counts, tests = "build/model/tests/model/test_litmus", {}, set()
    for memory, (test, schedules) in LITMUS.items():
        lines = says(program, test, MK_LITMUS_SCHEDULES=str(schedules), MK_LITMUS_COUNTS="1")
        for name, under, histogram in (found.groups() for found in map(re.compile(r" +(\S+) under (\w+): (.*)").match, lines) if found):
            tests.add(name)
            for grade, outcome, count in re.findall(r'(\w+) "([^"]*)" (\d+)', histogram):
                if grade != "acceptable":
                    counts.setdefault((grade, name, outcome), {})[under] = int(count)
        command = f"MK_LITMUS_SCHEDULES={schedules} {program} {test}"
        forbidden = [row.get(memory) for (grade, _, _), row in counts.items() if grade == "forbidden"]
        weak = [row.get(memory) for (grade, _, _), row in counts.items() if grade == "interesting"]
        page.add(f"{len(tests)} litmus tests under {memory}, {schedules:,} schedules each: forbidden outcomes that came up; weak ones "
                 "of that model that did not", "0; 0", f"{sum(map(bool, forbidden))} of {len(forbidden)}; 0 of {sum(map(bool, weak))}",
                 bool(forbidden) and not any(forbidden), command)
    table = paragraph("How often weak outcomes came up, of " + ", ".join(f"{schedules:,} schedules under {memory}"
                      for memory, (_, schedules) in LITMUS.items()) + ". Those with 0 everywhere are beyond the memory model.")
    table += "\n| litmus test | outcome | c11 | tso | sc |\n|---|---|---|---|---|\n"
    for (grade, name, outcome), row in sorted(counts.items()):
        if grade == "interesting":
            table += f"| {name[len('litmus_'):]} | {outcome} | " + " | ".join(f"{row[memory]:,}" for memory in LITMUS) + " |\n"
    page.tables.append(table)


def strategies(page, schedules=100000):
    """How often each strategy hits, program by program."""
    program = "build/model/bench/model"
    head, *lines = [line.split() for line in says(program, "strategies", str(schedules)) if line]
    table = paragraph(f"How likely a schedule fails, by strategy: the share of {schedules:,} schedules of each program of the corpus that "
                      "has a defect; - is none. No strategy is best, and some miss what others find.")
    table += f"\n| program | {' | '.join(head[1:])} |\n" + "|---" * len(head) + "|\n"
    for name, *hits in lines:
        table += f"| {name} | " + " | ".join(f"{int(hit) / schedules:.2g}" if int(hit) else "-" for hit in hits) + " |\n"
    page.tables.append(table)
    least = min((int(hits[-1]), name) for name, *hits in lines)
    page.add(f"{len(lines)} programs with a defect, {schedules:,} schedules each: how likely the portfolio fails, where least", "> 0",
             f"{least[0] / schedules:.2g} ({least[1]})", least[0] > 0, f"{program} strategies {schedules}")


def model(_, page):
    """Speed and reach of the model flavour: litmus tests, and the planted corpus with its correct twins."""
    command = "build/model/bench/model"
    speed = {words[0]: [float(word) for word in words[1:]] for words in (line.split() for line in says(command)[1:]) if words}
    rates = [speed[name][0] for name in speed if name.startswith("litmus_")]
    page.add("litmus tests MP and SB: schedules a second", ">= 500,000", f"{min(rates):,.0f} to {max(rates):,.0f}",
             min(rates) >= 5e5, command)
    at = speed["treiber_hp"][0]
    page.add("stack with hazard pointers, 3 threads x 2: schedules a second", ">= 20,000", f"{at:,.0f}", at >= 2e4, command)
    at = speed["model_stack"][1]
    page.add("... 3 threads x 100: hooks a second, races and weak memory on", ">= 10,000,000", f"{at:,.0f}", at >= 1e7, command)
    litmus(page)
    command = "build/model/tests/model/test_corpus"
    found = [line for line in says(command, MK_CORPUS_SCHEDULES="100000", MK_CORPUS_COUNTS="1") if line.startswith("# ") and " replays, " in line]
    slowest = max(float(line.split(" replays, ")[1].split()[0]) for line in found)
    page.add(f"each of {len(found)} programs with a defect found and shrunk, correct ones clean for 100,000 schedules: s", "<= 2",
             f"{slowest / 1e3:.2f} (CPU, the slowest)", slowest <= 2000, "MK_CORPUS_SCHEDULES=100000 " + command)
    strategies(page)


def implementations(bench, kind):
    """Those of a kind of which the model flavour can try anything."""
    out = os.path.join(bench.folder, "some.json")
    run = subprocess.run([bench.tool, "stress", f"workloads/stress/{kind}.json", "--flavour", "model", "--schedules", "1", "--quiet",
                          "-o", out], cwd=TOP, check=False)
    if run.returncode not in (0, 3):
        sys.exit(f"bench: stress {kind}: status {run.returncode} (make FLAVOUR=model)")
    with open(out, encoding="utf-8") as made:
        result = json.load(made)
    tried = {trial["cell"] for trial in result["trials"] if trial.get("windows")}
    return [cell["identity"] for cell in result["cells"] if cell["index"] in tried]


def minute(bench, page, seconds=60):
    """Every implementation under the model flavour, for a minute."""
    for kind in stress_kinds():
        for identity in implementations(bench, kind):
            out = os.path.join(bench.folder, "minute.json")
            words = ["stress", f"workloads/stress/{kind}.json", "--impl", identity, "--flavour", "model", "--seconds", str(seconds)]
            print("bench: memkit-bench", *words, file=sys.stderr, flush=True)
            run = subprocess.run([bench.tool, *words, "--stop-at-first", "--quiet", "-o", out], cwd=TOP, check=False)
            if run.returncode not in (0, 4):
                sys.exit(f"bench: stress {identity}: status {run.returncode}")
            with open(out, encoding="utf-8") as made:
                result = json.load(made)
            for finding in result["findings"]:
                print(f"bench: {identity}: {finding['rule']}: {finding['what']}: {finding.get('token')}", file=sys.stderr)
            schedules, ops = (sum(trial.get(key, 0) for trial in result["trials"]) for key in ("windows", "ops"))
            oracles = sum(bool(trial["trials"]) for trial in result["trials"])
            page.add(f"`{identity}`, {seconds} s: findings", "0",
                     f"{len(result['findings'])} ({oracles} oracle{'s' if oracles != 1 else ''}, {schedules:,} schedules, {ops:,} operations)",
                     not result["findings"], "memkit-bench " + " ".join(words).replace(identity, f"{kind}/..."))
