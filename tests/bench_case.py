"""bench_case.py - what tests of the command line share: a scratch folder with memkit-bench run in it, and the loop
over the tests of a file."""
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import traceback

BUILD = os.environ.get("BUILD", "build/release")
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = os.path.join(TOP, BUILD, "memkit-bench")
CC = os.environ.get("CC", "gcc")


class Case:
    """One scratch folder, and memkit-bench run in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def run(self, *args, **options):
        options.setdefault("timeout", 200)
        return subprocess.run([BENCH, *args], cwd=self.folder, capture_output=True, text=True, check=False, **options)

    def result(self, name="r.json"):
        with open(os.path.join(self.folder, name), encoding="utf-8") as made:
            return json.load(made)

    def plugin(self, source, build=BUILD):
        """Builds a plug-in as somebody outside the tree would, and returns its path."""
        pc = dict(os.environ, PKG_CONFIG_PATH=os.path.join(TOP, build))
        flags = subprocess.run(["pkg-config", "--cflags", "memkit"], env=pc, capture_output=True, text=True, check=True)
        so = os.path.join(self.folder, os.path.splitext(os.path.basename(source))[0] + ".so")
        made = subprocess.run([CC, "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-fPIC", "-shared", *shlex.split(flags.stdout), "-o",
                               so, source], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return so


def equal(got, want, what=""):
    assert got == want, f"{what}: {got!r}, not {want!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def main(names):
    """Runs what is called test_... in the globals of a file; one that returns a text was skipped for that reason."""
    failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:])):
            continue
        case = Case()
        try:
            skipped = test(case)
            print(f"ok {name}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
        except Exception:  # a failed test must not stop the others
            failed += 1
            print(f"not ok {name}")
            traceback.print_exc(file=sys.stdout)
        finally:
            shutil.rmtree(case.folder, ignore_errors=True)
    return 1 if failed else 0
