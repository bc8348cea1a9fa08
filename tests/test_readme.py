"""test_readme.py - what README.md and docs/ say is so: their commands run, their files are valid, the map
they show compiles and is measured, and what they name exists.

Commands run in a scratch copy of the tree and of its build. Of a fenced block:

    sh                     is run, --budget as the least that can be measured; it must end with 0
    console                lines after "$ " are run; the others must be printed, in this order
    python                 is run
    json                   must be valid (memkit-bench validate)
    <!-- file: PATH -->    before a block: it is written to PATH
    <!-- not run: WHY -->  before a block: it is not run
    <!-- table -->         before a block: what memkit-bench prints of workloads/quickstart.json
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build/release"))
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
DOCS = ("README.md", "docs/guide.md", "docs/how-measurement-works.md", "docs/hunting-races.md",
        "docs/model.md", "docs/traces.md", "docs/adding-an-implementation.md")
EXAMPLE = "docs/examples/plain.c"
QUICKSTART = "workloads/quickstart.json"
BENCH = "build/release/memkit-bench"
# A make of ours is no part of the make that started us.
OF_THE_MAKE_ABOVE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "FLAVOUR", "FLAVOURS", "IMPL", "BUILD", "BUILDS",
                     "T", "PKG_CONFIG_PATH")
SHORT = ("--processes", "1", "--rounds", "1", "--round-ms", "5")
QUICK = ("--threads", "1", *SHORT)


def load(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


# ---- pages ----------------------------------------------------------------------------------------


class Block:
    """A fenced block: language, text, the line it starts on, and the comment before it ("" = none)."""

    def __init__(self, language, text, line, mark):
        self.language = language
        self.text = text
        self.line = line
        self.mark = mark


def blocks_of(path):
    found, lines, mark, start = [], [], "", None
    for number, line in enumerate(load(path).split("\n"), 1):
        if start is not None:
            if line.startswith("```"):
                found.append(Block(language, "".join(text + "\n" for text in lines), start, mark))
                start, mark = None, ""
            else:
                lines.append(line)
        elif line.startswith("```"):
            language, lines, start = line[3:].strip(), [], number
        elif line.startswith("<!--"):
            mark = line.removeprefix("<!--").removesuffix("-->").strip()
        elif line.strip():
            mark = ""
    assert start is None, f"{path}:{start}: the block does not end"
    return found


def prose_of(path):
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", load(path), flags=re.M | re.S)


def inline_code(path):
    return re.findall(r"`([^`\n]+)`", prose_of(path).replace("\n", " "))


def anchors_of(path):
    """Headings as links name them."""
    heads = re.findall(r"^#+ (.*)$", prose_of(path), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


# ---- the scratch copy ------------------------------------------------------------------------------


class Scratch:
    """A copy of the tree and of its build, in which documents may do what they say."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.tree = os.path.join(self.folder, "tree")
        self.environment = {key: value for key, value in os.environ.items() if key not in OF_THE_MAKE_ABOVE}
        self.environment["PYTHON"] = PYTHON
        for path in self.files():
            self.copy(path)
        # The model flavour, too, where it is there: documents make it.
        for build, flavour in ((BUILD, "release"), (os.path.join(os.path.dirname(BUILD), "model"), "model")):
            if os.path.isdir(build):
                shutil.copytree(build, os.path.join(self.tree, "build", flavour), symlinks=True, ignore=self.leave_out)
        # Its own repository, so that what documents make can be told from what was there; folders as
        # make demo leaves them.
        self.run("git init -q . && git add -A && mkdir -p results plots", 60)

    @staticmethod
    def files():
        """What belongs to the sources: tracked and new files, or without git all but what is made."""
        if os.path.exists(os.path.join(TOP, ".git")):
            listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=TOP,
                                    capture_output=True, text=True, check=True).stdout
            return [path for path in listed.split("\0") if os.path.isfile(os.path.join(TOP, path))]
        made = ("build", "results", ".git")
        return [os.path.relpath(os.path.join(folder, name), TOP) for folder, _, names in os.walk(TOP)
                for name in names if os.path.relpath(folder, TOP).split(os.sep)[0] not in made]

    @staticmethod
    def leave_out(folder, names):
        """Of the tests only what they are linked from."""
        if os.path.basename(folder) != "tests":
            return ()
        return [name for name in names if not name.endswith((".o", ".d"))]

    def copy(self, path):
        to = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy2(os.path.join(TOP, path), to)

    def write(self, path, text):
        with open(os.path.join(self.tree, path), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, script, timeout=280, shell=("sh", "-eu", "-c")):
        """Runs a script in the tree; returns what it printed."""
        done = subprocess.run([*shell, script], cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"exit status {done.returncode}:\n{script}\n--- it printed\n{done.stdout}"
        return done.stdout

    def clean(self):
        """As it was; built anew where implementations had come."""
        self.run("""added=$(git ls-files -o impl)
            git clean -fdxq -e build && git checkout -q . && mkdir -p results plots
            [ -z "$added" ] || make""")


def run_console(scratch, text):
    script, wanted = [], []
    for line in text.splitlines():
        if line.startswith("$ "):
            script.append(line[2:])
        elif script and script[-1].endswith("\\"):
            script.append(line)
        else:
            wanted.append(line)
    said = scratch.run("\n".join(script))
    rest = said
    for line in wanted:
        before, found, rest = rest.partition(line + "\n")
        assert found, f"this was to be printed: {line}\n--- it printed\n{said}"


def run_block(scratch, block):
    if block.mark.startswith("file: "):
        scratch.write(block.mark.removeprefix("file: "), block.text)
    elif block.language == "sh":
        scratch.run(re.sub(r"--budget \d+s\b", f"--budget 60s {' '.join(SHORT)}", block.text))
    elif block.language == "console":
        run_console(scratch, block.text)
    elif block.language == "python":
        scratch.run(block.text, shell=(PYTHON, "-c"))
    elif block.language == "json":
        scratch.write("block.json", block.text)
        scratch.run(f"{BENCH} validate block.json")


def page_runs(scratch, path):
    ran = 0
    for block in blocks_of(path):
        if block.mark.startswith("not run: "):
            continue
        try:
            run_block(scratch, block)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{path}:{block.line}: {error}") from None
        ran += block.language in ("sh", "console")
    assert ran or path == "docs/how-measurement-works.md", f"{path}: nothing was run"


def test_the_commands_of_the_readme_run(scratch):
    page_runs(scratch, "README.md")
    rows = json.loads(scratch.run("cat results/mine.json"))["cells"]
    assert "pass" in [cell["verdict"] for cell in rows if cell["identity"] == "map/plain"], "map/plain did not pass"


def test_the_commands_of_the_guide_run(scratch):
    page_runs(scratch, "docs/guide.md")
    for made in ("results/whole.json", "results/so.json", "results/plugins.json", "plots/b-throughput.png"):
        assert os.path.getsize(os.path.join(scratch.tree, made)), made


def test_the_commands_of_traces_run(scratch):
    page_runs(scratch, "docs/traces.md")
    cells = json.loads(scratch.run("cat results/trace.json"))["cells"]
    assert "pass" in [check["verdict"] for cell in cells for check in cell["checks"]], "the trace was not replayed"


def test_the_commands_of_adding_an_implementation_run(scratch):
    page_runs(scratch, "docs/adding-an-implementation.md")
    cells = json.loads(scratch.run("cat results/mix.json"))["cells"]
    assert "map/mutex+hash/mix" in [cell["identity"] for cell in cells], "the new hash was not run"


def test_how_measurement_works_has_no_broken_block(scratch):
    page_runs(scratch, "docs/how-measurement-works.md")


# ---- the example -----------------------------------------------------------------------------------


def test_the_example_is_one_file(_):
    for path in ("README.md", "docs/adding-an-implementation.md"):
        shown = [block.text for block in blocks_of(path) if block.language == "c" and "MK_MAP(" in block.text]
        assert shown == [load(EXAMPLE)], f"{path} does not show {EXAMPLE} as it is"


def test_the_example_is_a_clean_plug_in_and_passes(scratch):
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            continue
        scratch.run(f"""export PKG_CONFIG_PATH=$PWD/build/release
            {compiler} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith -Werror \\
                -fPIC -shared {EXAMPLE} $(pkg-config --cflags memkit) -pthread -o plain.so
            {BENCH} {QUICKSTART} --plugin ./plain.so --impl map/plain {" ".join(QUICK)} -o r.json""")
        cells = json.loads(scratch.run("cat r.json"))["cells"]
        checks = {check["check"]: check["verdict"] for cell in cells if cell["identity"] == "map/plain"
                  for check in cell["checks"]}
        assert checks == {"bookkeeping": "pass", "leak": "pass"}, checks


# ---- the table -------------------------------------------------------------------------------------


def table_of(text):
    """(first line, head of the columns, first word of each row) of a table as a terminal shows it."""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("implementation"))
    rows = []
    for line in lines[head + 2:]:
        if line.startswith("±:"):
            break
        rows += line.split()[:1]
    return lines[0], [line.split() for line in lines[head:head + 2]], set(rows)


def test_the_table_is_what_is_printed_now(scratch):
    shown = [block.text for block in blocks_of("README.md") if block.mark == "table"]
    assert len(shown) == 1, "README.md has no block marked as the table, or several"
    printed = scratch.run(f"{BENCH} {QUICKSTART} {' '.join(QUICK)} -o r.json")
    title, columns, rows = table_of(shown[0])
    title_now, columns_now, rows_now = table_of(printed)
    assert title == title_now, f"{title!r} is now {title_now!r}"
    assert columns == columns_now, f"the columns are now {columns_now}"
    listed = json.loads(scratch.run(f"{BENCH} list impls --json"))["impls"]
    wanted = {impl["identity"] for impl in listed if impl["identity"].startswith("map/")
              and not {"floor", "only when named"} & set(impl["capabilities"])
              and os.path.exists(os.path.join(TOP, "impl", impl["identity"] + ".c"))} | {"floor"}  # peers: not everywhere
    wanted -= {name for line in printed.split("\n") if line.startswith("skipped: ") for name in re.findall(r"map/\w+", line)}
    assert wanted <= rows_now, f"not run: {wanted - rows_now}"
    assert wanted <= rows, f"{wanted - rows} came after the table of README.md was made: run {QUICKSTART} again"
    gone = {row for row in rows - {"floor"} if not os.path.exists(os.path.join(TOP, "impl", row + ".c"))
            and not any(os.path.exists(os.path.join(TOP, "impl/peers", row + end)) for end in (".c", ".cc"))}
    assert not gone, f"the table of README.md has {gone}, which is no more"


def test_make_demo_does_what_the_readme_says(scratch):
    said = scratch.run("make -n demo")
    result = "results/quickstart.json"
    for part in ("scripts/setup", f"{QUICKSTART} -o {result}", f"scripts/plot.py {result} -o plots"):
        assert part in said, f"make demo no longer does: {part}"


# ---- what the pages name ----------------------------------------------------------------------------


def test_links_lead_somewhere(_):
    broken = []
    for path in DOCS:
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "code", prose_of(path))):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            page = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(os.path.join(TOP, page)):
                broken.append(f"{path}: {target}")
            elif anchor and anchor not in anchors_of(page):
                broken.append(f"{path}: {target}: no such heading")
    assert not broken, "\n".join(broken)


def test_files_that_are_named_exist(_):
    missing = []
    for path in DOCS:
        made = re.findall(r"<!-- file: (\S+) -->", load(path)) + ["impl/map/plain.c"]
        for code in inline_code(path):
            for name in re.findall(r"(?:impl|harness|workloads|scripts|tests|docs)/[\w./-]+\.\w+", code):
                if not os.path.exists(os.path.join(TOP, name)) and name not in made:
                    missing.append(f"{path}: {name}")
    assert not missing, "\n".join(missing)


def test_every_workload_file_is_in_the_guide(_):
    guide = load("docs/guide.md")
    shipped = [path for path in Scratch.files() if path.startswith("workloads/") and path.endswith(".json")]
    missing = [path for path in shipped if f"`{path}`" not in guide]
    assert shipped and not missing, f"docs/guide.md does not say what they ask: {missing}"


def test_implementations_that_are_named_exist(scratch):
    listing = json.loads(scratch.run(f"{BENCH} list impls --json"))
    listed = {impl["identity"] for impl in listing["impls"] + listing["not_built"]}
    kinds = "|".join(sorted({identity.split("/")[0] for identity in listed}))
    ours = {"map/plain", "map/mine", "map/outside", "hash/mix"}
    unknown = []
    for path in DOCS:
        text = " ".join(inline_code(path) + [block.text for block in blocks_of(path)
                                             if block.language in ("sh", "console", "json")])
        for name in re.findall(rf"(?<![\w/.-])((?:{kinds})/[a-z0-9_]+)(?![\w.]*\.)", text):
            if name not in listed | ours:
                unknown.append(f"{path}: {name}")
    assert not unknown, "\n".join(unknown)


def test_commands_and_options_that_are_named_exist(scratch):
    commands = set(re.findall(r"^  ([a-z-]+) ", scratch.run(f"{BENCH} --help"), flags=re.M))
    helps = scratch.run("; ".join(f"{BENCH} {command} --help" for command in sorted(commands)) +
                        f"; {BENCH} --help; {PYTHON} scripts/plot.py --help; sed -n 's/^#   setup/&/p' scripts/setup")
    options = set(re.findall(r"--[a-z][a-z-]*", helps))
    goals = set(re.findall(r"^  make ([a-z-]+)", scratch.run("make help"), flags=re.M))
    unknown = []
    for path in DOCS:
        scripts = [block.text for block in blocks_of(path) if block.language in ("sh", "console")]
        for text in inline_code(path) + scripts:
            text = re.sub(r"\$\(pkg-config[^)]*\)|docker run .*", "", text)
            for what, pattern, known in (("", r"(?<![\w-])(--[a-z][a-z-]*)", options),
                                         ("memkit-bench ", r"memkit-bench ([a-z-]+)(?![\w/.])", commands),
                                         ("make ", r"(?:^|\n)make ([a-z-]+)(?![\w/=])", goals)):
                unknown += [f"{path}: {what}{word}" for word in re.findall(pattern, text) if word not in known]
    assert commands and options and goals and not unknown, "\n".join(unknown)


def test_rules_and_thresholds_are_those_of_the_code(_):
    page = load("docs/how-measurement-works.md")
    rules = set(re.findall(r'MK_VERDICT_[A-Z]+, "(\w+)"', load("harness/verdict.c") + load("harness/result.c")))
    missing = [rule for rule in sorted(rules) if f"`{rule}`" not in page]
    assert rules and not missing, f"docs/how-measurement-works.md does not explain: {missing}"
    thresholds = re.findall(r"#define (MK_\w+_FRAC) ([0-9.]+)", load("harness/verdict.h"))
    missing = [f"{name} {value}" for name, value in thresholds if f"{100 * float(value):g} %" not in page]
    assert thresholds and not missing, f"docs/how-measurement-works.md does not have: {missing}"


def test_the_cases_of_conformance_are_those_of_the_code(_):
    page = load("docs/adding-an-implementation.md")
    cases = re.search(r"map_cases\[\] = \{(.*?)\{\.name = NULL", load("harness/check/model_map.c"), re.S).group(1)
    missing = [name for name, help_text in re.findall(r'\{"(\w+)", "([^"]+)"', cases)
               if f"| `{name}` | {help_text} |" not in page]
    assert cases and not missing, f"docs/adding-an-implementation.md does not have: {missing}"


def test_exit_statuses_are_all_explained(scratch):
    said = scratch.run(f"{BENCH} run --help").partition("exit status:")[2]
    guide = load("docs/guide.md")
    statuses = re.findall(r"(?:^|[\n;] ?)\s*(\d(?:\d\d\+n)?) ", said)
    missing = [status for status in statuses if f"\n| {status} | " not in guide]
    assert len(statuses) > 4 and not missing, f"{statuses}: docs/guide.md does not explain {missing}"


def test_nothing_of_a_workplace_is_left(_):
    found = []
    words = r"/[w]ork/|/[r]oot/|/[t]mp/|/[h]ome/|[s]hared/(design|notes|catalogue)|[T]ODO|[F]IXME"
    for path in (*DOCS, EXAMPLE):
        for number, line in enumerate(load(path).split("\n"), 1):
            if re.search(words, line, re.I):
                found.append(f"{path}:{number}: {line}")
    assert not found, "\n".join(found)


def main():
    failed = 0
    scratch = Scratch()
    try:
        for name, test in list(globals().items()):
            if not name.startswith("test_") or (len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:])):
                continue
            try:
                test(scratch)
                print(f"ok {name}", flush=True)
            except Exception:  # a failed test must not stop the others
                failed += 1
                print(f"not ok {name}")
                traceback.print_exc(file=sys.stdout)
            scratch.clean()
    finally:
        shutil.rmtree(scratch.folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
