"""test_preload_probes.py - what a malloc owes a program, one probe a process (tests/preload/probe*.c), under libmemkit.so.
See tests/preload/under.py for how to run the same under another library, or under none."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "preload"))
from bench_case import BUILD, contains, equal, main
import under

PROBE = os.path.join(under.PROBES, "probe")


def probe(name, extra=None):
    """Runs one; its malloc has to be the library's."""
    done = under.run([PROBE, name], extra=extra)
    said = under.shown(done)
    assert done.returncode == 0 and f"ok {name}\n" in done.stdout.decode(), said
    file = re.search(rb"^# malloc is in (.+)$", done.stdout, re.MULTILINE)
    assert file, said
    if under.LIBRARY:
        live = os.fsdecode(file.group(1))
        assert os.path.samefile(live, under.LIBRARY), f"malloc is that of {live}, not of {under.LIBRARY}"


def listed():
    done = under.run([PROBE, "--list"], under=False)
    equal(done.returncode, 0, done.stderr)
    return done.stdout.decode().split()


def test_a_library_that_is_not_there_is_told(_):
    """What the others rest on: a wrong path makes the dynamic linker warn, and the C library's malloc is what runs."""
    kept = under.LIBRARY
    try:
        under.LIBRARY = os.path.join(under.PROBES, "no-such-library.so")
        try:
            probe("zero_sizes")
        except AssertionError as told:
            contains(str(told), "cannot be preloaded")
        else:
            raise AssertionError("a probe passed under a library that is not there")
    finally:
        under.LIBRARY = kept


# Each defect of tests/preload/broken.c, the probe that finds it, and what the probe says.
DEFECTS = {
    "misaligned": ("malloc_alignment_16", "probe_api.c:"),
    "no errno": ("impossible_sizes", "not to ENOMEM"),
    "no block of no bytes": ("zero_sizes", "not so: at[i]"),
    "given twice": ("contents_one_thread", "is in another live block"),
    "calloc overflows": ("calloc_overflow", "not NULL"),
    "calloc is dirty": ("calloc_is_zero", " of calloc("),
    "realloc loses the end": ("realloc_keeps_contents", "has lost its contents"),
    "realloc frees what it refuses": ("realloc_failure_leaves_the_block", ""),
    "realloc to nothing is a block": ("realloc_to_nothing", "== NULL"),
    "free sets errno": ("free_keeps_errno", "sets errno to 11"),
    "locked in fork": ("fork_while_threads_allocate", "died of signal 14"),
    "a thread leaves memory behind": ("thread_churn_is_bounded", "4000 short threads leave"),
    "none after destructors": ("thread_key_destructors", ""),
    "lost by a thread that only frees": ("thread_that_only_frees", "that were live"),
    "lost once there was no more": ("exhausted_by_1000_bytes", "could be had at first"),
    "": ("memory_goes_back", "are still resident"),
}


def test_the_probes_find_defects(_):
    """That a probe can fail: under a malloc that is broken on purpose."""
    broken = os.path.join(under.PROBES, "broken.so")
    for defect, (name, said) in DEFECTS.items():
        done = under.run([PROBE, name], under=False, extra={"LD_PRELOAD": broken, "MK_BROKEN": defect, "MK_PROBE_CHILD_SECONDS": "2"})
        assert done.returncode != 0, f"{name} does not find a malloc that is broken so: {defect}\n{under.shown(done)}"
        contains(done.stderr.decode(), said)


def alone(program):
    path = os.path.join(under.PROBES, program)
    if not os.path.exists(path):
        return "there is no C++ compiler: g++"
    done = under.run([path])
    assert done.returncode == 0 and f"ok {program}\n".encode() in done.stdout, under.shown(done)
    return None


def test_new_and_delete(_):
    return alone("probe_cxx")


def test_a_program_with_a_malloc_of_its_own(_):
    return alone("own_malloc")


def test_probes_under_compositions(_):
    """Other allocators of the library than the default; but for how much memory is resident, which their own bytes are in."""
    if not under.ALL or not under.SHIPPED:
        return "make check-all runs it, for libmemkit.so"
    failed = []
    for composition in under.COMPOSITIONS:
        for name in listed():
            try:
                if not name.startswith("memory_of_"):
                    probe(name, {"MEMKIT_ALLOC": composition})
            except AssertionError as told:
                failed.append(f"{composition}: {name}: {told}")
    assert not failed, "\n".join(failed)
    return None


def all_tests():
    """One test a probe, so that each is named that fails."""
    tests = dict(globals())
    for name in listed():
        tests[f"test_{name}"] = lambda _, name=name: probe(name)
    return tests


if __name__ == "__main__":
    under.there()
    sys.exit(main(all_tests()))
