"""test_planted.py - stress finds what is planted: every file of tests/planted/ has one defect and must be caught, by
what its first lines name and by nothing else; its twin, which has none, must not be.

BUILDS names the builds to try, folders of build/ (as tests/run has it). A bug is hunted in one that shows it; where
there is a debug build (make check-all), in every one that does. Arguments pick plants by substring.
"""
import concurrent.futures
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "planted"))
import plants  # noqa: E402

ROOT = os.environ.get("BUILD_ROOT", "build")
SEED = 1
SECONDS = 10
SHORT_SECONDS = 1  # of what is to find nothing
AT_ONCE = 2
said = threading.Lock()


def report(name, complaint):
    with said:
        if complaint:
            print("    " + complaint.replace("\n", "\n    "))
        print(("not ok " if complaint else "ok ") + name, flush=True)
    return not complaint


def try_plant(plant, build):
    """A bug is not to be missed because other programs have the PUs: once more, then, for longer, and by those alone
    that are expected first."""
    oracles = [word for name in plant.finds[:2] for word in ("--oracle", name)] if build != "model" else []
    for seed, seconds, more in ((SEED, SECONDS, ()), (SEED + 1, 6 * SECONDS, oracles)):
        seen = plants.hunt(plant, os.path.join(ROOT, build), seed, seconds, more=more)
        wrong = plants.complaint(plant, seen)
        if seen.findings or not wrong:
            break
    if wrong:
        wrong += "\nagain: " + " ".join(seen.command)
    return report(f"{plant.name} is caught ({build})", wrong)


def try_twin(plant, build):
    seen = plants.hunt(plant, os.path.join(ROOT, build), SEED, SHORT_SECONDS, twin=True, pressed=False)
    wrong = plants.alarm(seen)
    if wrong:
        wrong += "\nagain: " + " ".join(seen.command)
    return report(f"{plant.name}, its twin, is not ({build})", wrong)


def try_alone(plant, build):
    """What takes several threads is not caught by the oracles that have but one: else it would be no find."""
    oracles = [word for name in plants.ALONE[plant.kind] for word in ("--oracle", name)]
    seen = plants.hunt(plant, os.path.join(ROOT, build), SEED, SHORT_SECONDS, pressed=False, more=oracles)
    return report(f"{plant.name} passes with one thread ({build})", plants.alarm(seen))


def main():
    chosen = [p for p in plants.all_plants() if not sys.argv[1:] or any(word in p.name for word in sys.argv[1:])]
    builds = [b for b in os.environ.get("BUILDS", "release").split()
              if os.access(os.path.join(plants.TOP, ROOT, b, "memkit-bench"), os.X_OK)]
    jobs = [(try_plant, p, b) for p in chosen for b in plants.shown_by(p, builds)]
    jobs += [(try_twin, p, b) for p in chosen for b in plants.quiet_in(p, builds)]
    jobs += [(try_alone, p, b) for p in chosen for b in plants.alone_in(p, builds)]
    if not jobs:
        print("ok planted # SKIP there is no build to try")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(lambda job: job[0](*job[1:]), jobs))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
