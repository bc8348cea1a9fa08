#!/bin/sh
# test_install.sh - make install puts everything where it is looked for, make uninstall takes it away,
# and what lies between serves people: plug-ins from installed headers, completion, the man page.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
to=$scratch/prefix
bench=$BUILD/memkit-bench

check 'make install' make install PREFIX="$to"
for file in bin/memkit-bench include/memkit/mk.h include/memkit/map.h include/memkit/hash/fold.c \
    share/man/man1/memkit-bench.1 share/bash-completion/completions/memkit-bench \
    include/memkit/record.h lib/libmemkit.so lib/libmemkit-trace.so share/memkit-bench/workloads/traces/lru.optrace share/memkit-bench/workloads/traces/redis.trace \
    share/memkit-bench/workloads/quickstart.json share/memkit-bench/scripts/plot.py lib/pkgconfig/memkit.pc; do
    check "installed: $file" test -s "$to/$file"
done
runs() {
    "$to/bin/memkit-bench" --version | grep -F "$(cat VERSION)"
}
check 'installed: it runs' runs
records() {
    "$to/bin/memkit-bench" record -o "$scratch/t.trace" -- "$(command -v sort)" VERSION &&
        "$to/bin/memkit-bench" trace verify "$scratch/t.trace"
}
check 'installed: it finds the recorder' records
preloads() {
    LD_PRELOAD=$to/lib/libmemkit.so MEMKIT_STATS=1 sort VERSION 2>&1 | grep 'memkit: sort .*alloc/thread_local'
}
check 'installed: a malloc to run programs under' preloads
no_trace() {
    if grep -rlF "$PWD" "$to"; then return 1; fi
}
check 'installed: nothing points back into the tree' no_trace

plug_in() {
    sed 's/MK_MAP(null,/MK_MAP(mine,/' "$to/include/memkit/map/null.c" >"$scratch/mine.c"
    flags=$(PKG_CONFIG_PATH=$to/lib/pkgconfig pkg-config --cflags memkit) || return 1
    # shellcheck disable=SC2086 # a list of words
    (cd "$scratch" && gcc -std=c11 -O2 -fPIC -shared mine.c $flags -o mine.so) &&
        "$to/bin/memkit-bench" list impls --plugin "$scratch/mine.so" >"$scratch/list" && grep 'map/mine' "$scratch/list"
}
check 'installed: a plug-in from the installed headers' plug_in

# completes WORD LINE...: completing the last word of LINE offers WORD.
completes() {
    wanted=$1
    shift
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _memkit_bench; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$to/share/bash-completion/completions/memkit-bench" "$to/bin/memkit-bench" "$@" >"$scratch/words"
    grep -qxF -- "$wanted" "$scratch/words" || {
        echo "$wanted is not among: $(tr '\n' ' ' <"$scratch/words")"
        return 1
    }
}
if command -v bash >/dev/null; then
    check 'completion: commands' completes validate val
    check 'completion: options of a command' completes --topology plan --top
    check 'completion: what to do with a trace' completes import trace im
    check 'completion: traces are verified, too' completes verify trace ve
    check 'completion: identities' completes map/mutex run x.json --impl map/mu
else
    skip 'completion' 'bash is not installed'
fi

# Every command, and every option that any of them tells of, stands in the manual page.
documented() {
    sed 's/\\-/-/g; s/\\f[RPBI]//g' docs/memkit-bench.1 >"$scratch/page"
    "$bench" --help | grep -oE '^  [a-z][a-z-]+' | tr -d ' ' >"$scratch/commands"
    while read -r command; do "$bench" "$command" --help </dev/null; done <"$scratch/commands" |
        grep -oE -- '(^|[ (,|])--[a-z][a-z-]*' | tr -d ' (,|' | sort -u >"$scratch/options"
    cat "$scratch/commands" "$scratch/options" | while read -r word; do
        grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" "$scratch/page" || echo "$word is not in the page"
    done >"$scratch/missing"
    cat "$scratch/missing"
    [ -s "$scratch/options" ] && [ ! -s "$scratch/missing" ]
}
check 'the manual page has every command and option' documented

check 'make uninstall' make uninstall PREFIX="$to"
gone() {
    left=$(find "$to" -not -type d)
    [ -z "$left" ] || {
        echo "$left"
        return 1
    }
}
check 'uninstalled: nothing is left' gone
staged() {
    make install DESTDIR="$scratch/stage" PREFIX=/usr && test -x "$scratch/stage/usr/bin/memkit-bench" &&
        grep -q '^includedir=/usr/include' "$scratch/stage/usr/lib/pkgconfig/memkit.pc"
}
check 'make install DESTDIR= PREFIX=' staged
check 'a relative PREFIX is refused' refuses 2 'not an absolute path' make install PREFIX=here
finish
