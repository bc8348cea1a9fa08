"""under.py - what tests of a malloc replacement share: which library it is, and programs started under it.

    MK_MALLOC_LIBRARY=FILE   another library than the build's libmemkit.so; empty: none, which tries the tests themselves
    MK_PROGRAMS=all          the longer runs as well (make check-all)
"""
import os
import shutil
import subprocess

from bench_case import BUILD, TOP

LIBRARY = os.environ.get("MK_MALLOC_LIBRARY", os.path.join(TOP, BUILD, "libmemkit.so"))
PROBES = os.path.join(TOP, BUILD, "tests/preload")
# Whether it is ours, and what else than the default it can be (MEMKIT_ALLOC).
SHIPPED = os.path.basename(LIBRARY).startswith("libmemkit")
COMPOSITIONS = ["metrics(cache_aligned)", "tracing(thread_local)", "guard(thread_local)"]
ALL = os.environ.get("MK_PROGRAMS") == "all"


def there():
    """The library is a file: of one that is none, the dynamic linker only warns."""
    assert not LIBRARY or os.path.isfile(LIBRARY), f"there is no {LIBRARY}"


def environment(under=True, **more):
    """An environment in which programs say the same each time, with the library or without."""
    made = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD" and not name.startswith(("MEMKIT_", "GIT_"))}
    made.update(LC_ALL="C.UTF-8", TZ="UTC", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
    made.update(more)
    if under and LIBRARY:
        made["LD_PRELOAD"] = os.path.abspath(LIBRARY)
    return made


def run(argv, under=True, extra=None, timeout=120, **options):
    """Runs a program to its end, and returns what it wrote, as bytes. Standard error tells whether the library was taken."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(argv, env=environment(under, **(extra or {})), capture_output=True, timeout=timeout, check=False, **options)
    assert b"cannot be preloaded" not in done.stderr, done.stderr
    return done


def is_loaded(program):
    """The dynamic linker puts the library into this program (it does not into one that is linked statically)."""
    if not LIBRARY:
        return
    path = shutil.which(program) or program
    listed = run([path], extra={"LD_TRACE_LOADED_OBJECTS": "1"})
    assert os.path.abspath(LIBRARY).encode() in listed.stdout, f"{path} does not load {LIBRARY}:\n{listed.stdout.decode()}"


def shown(done):
    return f"exit status {done.returncode}\n{done.stdout[-3000:].decode(errors='replace')}\n{done.stderr[-3000:].decode(errors='replace')}"


def alike(argv, extra=None, status=0, **options):
    """Runs a program with the library and without: what it writes and how it ends are the same. Returns what it wrote."""
    is_loaded(argv[0])
    want = run(argv, under=False, **options)
    assert want.returncode == status, f"{argv} without the library: {shown(want)}"
    got = run(argv, extra=extra, **options)
    assert got.returncode == want.returncode, f"{argv} under the library: {shown(got)}"
    assert got.stdout == want.stdout, f"{argv} writes something else under the library: {shown(got)}\nand without: {shown(want)}"
    assert got.stderr == want.stderr, f"{argv} complains of something else under the library: {shown(got)}\nand without: {shown(want)}"
    return got.stdout


def missing(**packages):
    """Why a test cannot run here: names what has to be installed, or None. PROGRAM="package"."""
    lacking = [package for program, package in packages.items() if not shutil.which(program.replace("_", "-"))]
    return f"not installed: {' '.join(dict.fromkeys(lacking))} (scripts/setup programs)" if lacking else None
