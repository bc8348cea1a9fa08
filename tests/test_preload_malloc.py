"""test_preload_malloc.py - how libmemkit.so is asked for an allocator, what it says of itself, and that any composition
is a malloc. What every malloc owes a program is in test_preload_probes.py."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "preload"))
from bench_case import contains, equal, main
import under

PROBE = os.path.join(under.PROBES, "probe")
ECHO = [sys.executable, "-c", "print('here')"]
# What is about how much memory there is says nothing of a composition; where each block is a mapping, threads take long.
ABOUT_MEMORY = re.compile(r"memory_|exhausted_|dlopen_in_threads|thread_that_only_frees|thread_churn")
WITH_THREADS = re.compile(r"contents_|fork_|thread_|exit_|dlopen_|vfork_|spawn_")


def asked(name, argv=None, **more):
    return under.run(argv or ECHO, extra=dict({"MEMKIT_ALLOC": name}, **more))


def summary(name, argv=None):
    """The lines of the summary that a program leaves under a composition."""
    done = asked(name, argv, MEMKIT_STATS="1")
    equal(done.returncode, 0, under.shown(done))
    return done.stderr.decode()


def test_names_are_read_as_compositions(_):
    for name, identity in {
        "": "alloc/thread_local",
        "thread_local": "alloc/thread_local",
        "alloc/thread_local": "alloc/thread_local",
        "mmap": "alloc/mmap",
        "metrics": "alloc/metrics(alloc/thread_local)",
        "metrics(cache_aligned)": "alloc/metrics(alloc/cache_aligned(alloc/thread_local))",
        "alloc/metrics(alloc/cache_aligned)": "alloc/metrics(alloc/cache_aligned(alloc/thread_local))",
        "metrics[exact=1](cache_aligned[line=128](mmap))": "alloc/metrics[exact=1](alloc/cache_aligned[line=128](alloc/mmap))",
    }.items():
        contains(summary(name), f": {identity}\n")


def test_what_cannot_be_a_malloc_is_refused(_):
    for name, why in {
        "thread_locale": 'did you mean "thread_local"',
        "map/chain": 'no kind "map"',
        "slab": "blocks of one size",
        "metrics(pool)": "blocks of one size",
        "thread_arena": "frees nothing but all at once",
        "metrics(arena)": "frees nothing but all at once",
        "pages": "cannot have a block freed by another thread",
        "libc": "no implementation of kind alloc named",
        "thread_local(mmap)": "wraps nothing",
        "metrics(": "named kind/name",
        "metrics[exact=2]": "exact is a whole number",
        "metrics(metrics(metrics(metrics(metrics))))": "",
        "*": "not one",
    }.items():
        done = asked(name)
        equal(done.returncode, 2, name)
        equal(done.stdout, b"", name)
        said = done.stderr.decode()
        equal(said.count("\n"), 1, said)
        contains(said, f'memkit: MEMKIT_ALLOC="{name}": ', why, "; there are: ", " thread_local", " metrics(...)")


def test_nothing_is_said_unasked(_):
    for extra in {}, {"MEMKIT_STATS": ""}, {"MEMKIT_STATS": "0"}:
        equal(under.run(ECHO, extra=extra).stderr, b"", extra)


def test_the_summary_counts(_):
    """So many blocks are held on to: through the wrapper that counts them exactly, and by the allocator."""
    hold = "import ctypes; m = ctypes.CDLL(None).malloc; m.restype = ctypes.c_void_p; [m(5000) for _ in range(3000)]"
    said = summary("metrics", [sys.executable, "-c", hold])
    live = int(re.search(r"metrics: blocks (\d+)", said).group(1))
    bytes_ = int(re.search(r"live_bytes (\d+)", said).group(1))
    blocks = int(re.search(r"thread_local: blocks (\d+)", said).group(1))
    assert live >= 3000 and bytes_ >= 3000 * 5000, said
    assert live <= blocks < live + 100, said
    mapped, resident = (int(re.search(rf"{figure} (\d+)", said).group(1)) for figure in ("mapped_bytes", "peak_rss_bytes"))
    assert mapped > 3000 * 5000 and resident > 3000 * 4096, said


def test_the_summary_comes_from_programs_that_close_standard_error(_):
    contains(summary("", ["ls", "/"]), "memkit: ls ", "alloc/thread_local")


def test_a_signal_asks_for_the_summary(_):
    """While threads allocate, many times over: whoever is in the allocator is waited for, or writes it on leaving."""
    churn = """if 1:
        import os, signal, threading
        stop = False
        def work():
            while not stop:
                [bytes(n % 9000) for n in range(2000)]
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for _ in range(50):
            os.kill(os.getpid(), signal.SIGUSR1)
            [bytes(n) for n in range(500)]
        stop = True
        for thread in threads: thread.join()
        print("done")"""
    for name in "", "metrics(cache_aligned)":
        done = asked(name, [sys.executable, "-c", churn], MEMKIT_STATS="1", PYTHONMALLOC="malloc")
        equal((done.returncode, done.stdout), (0, b"done\n"), under.shown(done))
        times = done.stderr.count(b"memkit:   threads: ")
        assert 2 <= times <= 51, times


def test_a_program_keeps_its_own_handler(_):
    own = "import os, signal; signal.signal(signal.SIGUSR1, lambda *_: print('mine')); os.kill(os.getpid(), signal.SIGUSR1)"
    done = under.run([sys.executable, "-c", own], extra={"MEMKIT_STATS": "1"})
    equal((done.returncode, done.stdout), (0, b"mine\n"), under.shown(done))
    equal(done.stderr.count(b"threads: "), 1, "only the one at the end")
    ignoring = subprocess.run(["sh", "-c", 'trap "" USR1; exec "$@"', "sh", sys.executable, "-c",
                               "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)"], env=under.environment(MEMKIT_STATS="1"),
                              capture_output=True, check=False, timeout=60)
    equal(ignoring.returncode, 0, ignoring.stderr)
    equal(ignoring.stderr.count(b"python"), 1, ignoring.stderr)


def test_without_the_summary_a_signal_ends_a_program(_):
    done = under.run([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)"])
    equal(done.returncode, -signal.SIGUSR1)


def test_forks_are_counted_and_their_memory_is_theirs(_):
    fork = """if 1:
        import os, threading
        stop = False
        def work():
            while not stop:
                [bytes(n % 9000) for n in range(2000)]
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for _ in range(100):
            child = os.fork()
            if not child:
                os._exit(0 if len([bytes(n) for n in range(2000)]) == 2000 else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop = True
        for thread in threads: thread.join()"""
    for name in "", "metrics(cache_aligned)":
        done = asked(name, [sys.executable, "-c", fork], MEMKIT_STATS="1", PYTHONMALLOC="malloc")
        equal(done.returncode, 0, under.shown(done))
        contains(done.stderr.decode(), "most 4, forks 100\n")


def test_every_composition_is_a_malloc(_):
    listed = under.run([PROBE, "--list"], under=False).stdout.decode().split()
    wanted = [name for name in listed if not ABOUT_MEMORY.match(name)]
    alone = [name for name in wanted if not WITH_THREADS.match(name)]
    assert len(wanted) > 40 and len(alone) > 20, listed
    for composition, names in ("metrics(cache_aligned)", wanted), ("guard", wanted), ("tracing(mmap)", alone):
        for name in names:
            done = asked(composition, [PROBE, name])
            assert done.returncode == 0 and f"ok {name}\n" in done.stdout.decode(), f"{composition}: {under.shown(done)}"


if __name__ == "__main__":
    under.there()
    sys.exit(main(dict(globals())))
