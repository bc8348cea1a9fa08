# lib.sh - what shell tests share: `. tests/lib.sh` from the top folder of the tree.
# shellcheck shell=sh
#
# $BUILD is the build under test (build/release), $scratch an empty folder that goes away at the end.
# Each `check NAME COMMAND...` prints one verdict line; the script ends in `finish`.
BUILD=${BUILD:-build/release}
PYTHON=${PYTHON:-/usr/bin/python3}
# A make of ours is no part of the make that started us.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES FLAVOUR IMPL
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0

# check NAME COMMAND...: the command is to succeed. Its output is shown when it does not.
check() {
    name=$1
    shift
    if "$@" >"$scratch/check.log" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/    /' "$scratch/check.log"
        failures=$((failures + 1))
    fi
}

skip() {
    echo "ok $1 # SKIP $2"
}

# refuses STATUS TEXT COMMAND...: the command is to end with STATUS and say TEXT (a regex).
refuses() {
    wanted=$1 text=$2
    shift 2
    said=$("$@" 2>&1)
    status=$?
    if [ $status != "$wanted" ]; then
        echo "exit status $status, not $wanted: $*"
        echo "$said"
        return 1
    fi
    printf '%s\n' "$said" | grep -qE -- "$text" || {
        echo "does not say $text: $*"
        echo "$said"
        return 1
    }
}

# copy_tree FOLDER: the sources, without what was built from them.
copy_tree() {
    mkdir -p "$1"
    tar -cf - --exclude=./build --exclude=./.git --exclude=./results --exclude=./plots . | tar -xf - -C "$1"
}

finish() {
    exit $((failures > 0))
}
