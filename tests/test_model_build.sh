#!/bin/sh
# test_model_build.sh - what may go into the model flavour and what may not (scripts/model_object), and plug-ins of that
# flavour made of sources outside the tree (memkit-bench model-build).
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
bench=$BUILD/memkit-bench
model=$(dirname "$BUILD")/model/memkit-bench

# ---- objects ---------------------------------------------------------------------------------------

# object NAME: compiles $scratch/NAME.c, from standard input.
source_of() {
    cat >"$scratch/$1.c"
}
object() {
    # shellcheck disable=SC2046 # a list of words
    scripts/model_object -o "$scratch/$1.o" -- gcc -std=c11 -D_GNU_SOURCE $(scripts/model_object --flags gcc) \
        -c "$scratch/$1.c"
}
# rejects TEXT NAME: it does not compile for the model flavour; the file and TEXT are named, and no object is left.
rejects() {
    refuses 1 "$2.c: .*$1" object "$2" && test ! -e "$scratch/$2.o" && test ! -e "$scratch/$2.o.raw.o"
}

source_of good <<'END'
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int count;
static int last;
static _Thread_local int own;
unsigned long long number(const char *text) { return strtoull(text, NULL, 10); }
void *take(const void *from, size_t n) {
    void *block = malloc(n);
    if (block) memcpy(block, from, n);
    pthread_mutex_lock(&lock);
    last = ++own + atomic_fetch_add(&count, 1);
    pthread_mutex_unlock(&lock);
    return block;
}
END
check 'model_object: what the runtime controls passes' object good
nm "$scratch/good.o" >"$scratch/names" 2>/dev/null
redirected() {
    for function in malloc memcpy pthread_mutex_lock; do
        grep -q " U mk_model_$function\$" "$scratch/names" || return 1
        if grep -q " U $function\$" "$scratch/names"; then return 1; fi
    done
    grep -q ' U strtoull$' "$scratch/names" && grep -q ' U __tsan_atomic32_fetch_add$' "$scratch/names"
}
check 'model_object: calls are redirected, atomics are hooks' redirected
sections() {
    objdump -hw "$scratch/good.o" | awk '{ print $2 }' >"$scratch/sections"
    grep -qx mk_model_data "$scratch/sections" && grep -qx mk_model_bss "$scratch/sections" &&
        ! grep -qxE '\.(data|bss)' "$scratch/sections" &&
        test "$(objdump -s -j mk_model_made "$scratch/good.o" | awk 'END { print $2 }')" = 01
}
check 'model_object: variables are where they can be set back' sections
# What is left are the source and the object.
tidy() {
    test "$(cd "$scratch" && echo good.*)" = 'good.c good.o'
}
check 'model_object: nothing else is left' tidy

source_of calls <<'END'
#include <stdlib.h>
int draw(void) { return system(NULL) + (getenv("HOME") != NULL); }
END
check 'model_object: a call that is not controlled' rejects 'calls system, .*symbols.txt.*allowed.txt' calls
check 'model_object: every one of them is named' rejects 'calls getenv,' calls
source_of locks <<'END'
int locks_by_hand(int *word) { __asm__ __volatile__("lock; incl %0" : "+m"(*word)); return *word; }
END
check 'model_object: inline assembly that locks' rejects 'in locks_by_hand: "lock incl' locks
source_of swaps <<'END'
int swaps_by_hand(int *word, int to) { __asm__ __volatile__("xchgl %0, %1" : "+r"(to), "+m"(*word)); return to; }
int between(int *word, int to) { __asm__ __volatile__("xchgl %0, %1" : "+r"(to), "+r"(*word)); return to; }
END
check 'model_object: inline assembly that swaps with memory' rejects 'in swaps_by_hand: "xchg' swaps
registers() {
    object swaps 2>&1 | grep -c 'xchg' | grep -qx 1
}
check 'model_object: registers may be swapped' registers
for escape in mfence syscall pause rdtsc; do
    echo "void escapes(void) { __asm__ __volatile__(\"$escape\" ::: \"rax\", \"rcx\", \"rdx\", \"r11\", \"memory\"); }" |
        source_of "asm_$escape"
    check "model_object: inline assembly: $escape" rejects "in escapes: \"$escape" "asm_$escape"
done
source_of unwatched <<'END'
#include <stdatomic.h>
__attribute__((no_sanitize("thread"), noinline)) int sneaks(_Atomic int *word) { return atomic_fetch_add(word, 1); }
END
check 'model_object: a function without hooks' rejects 'in sneaks: "lock ' unwatched
source_of placed <<'END'
__attribute__((section("mine"))) int variable = 1;
int read_it(void) { return variable++; }
END
check 'model_object: a variable in a section of its own' rejects 'section mine' placed
source_of defines <<'END'
#include <stddef.h>
void *malloc(size_t n) { (void)n; return NULL; }
END
check 'model_object: a definition of what the runtime stands in for' rejects 'defines malloc' defines
source_of wrong <<'END'
int unfinished(void) {
END
check 'model_object: what the compiler says is passed on' refuses 1 'wrong.c:.*error' object wrong
source_of atomics <<'END'
int locks_natively(int *word) { return __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST); }
END
plain_object() {
    gcc -c "$scratch/atomics.c" -o "$scratch/plain.o" &&
        refuses 1 'in locks_natively: "lock' scripts/model_object --check "$scratch/plain.o"
}
check 'model_object --check: an object without hooks' plain_object
check 'model_object: no arguments' refuses 2 '^usage' scripts/model_object
check 'model_object --help' refuses 0 '^usage' scripts/model_object --help
check 'model_object: an unknown argument' refuses 2 'unknown argument --fast' scripts/model_object --fast
no_lists() {
    MK_MODEL_LISTS=$scratch/nowhere refuses 2 'symbols.txt.*MK_MODEL_LISTS' scripts/model_object -o "$scratch/x.o" -- \
        gcc -c "$scratch/good.c"
}
check 'model_object: lists that are not there' no_lists

# ---- model-build -----------------------------------------------------------------------------------

check 'model-build --help' refuses 0 '^usage: memkit-bench model-build' "$bench" model-build --help
check 'model-build: no file' refuses 2 'which FILE.c' "$bench" model-build
check 'model-build: two files' refuses 2 'one FILE.c at a time' "$bench" model-build a.c b.c
check 'model-build: not C' refuses 2 'not mine.o' "$bench" model-build mine.o
check 'model-build: an unknown option' refuses 2 'no option --fast' "$bench" model-build --fast
check 'model-build: a file that is not there' refuses 2 'cannot read .*absent.c' "$bench" model-build "$scratch/absent.c"

if [ ! -x "$model" ]; then
    skip 'model-build' "there is no $model: make FLAVOUR=model"
    finish
fi
sed 's/plain/mine/g' docs/examples/plain.c >"$scratch/mine.c"
check 'model-build: the map of the documents' refuses 0 'stress .*map/mine --plugin .*mine.so --flavour model' \
    "$bench" model-build "$scratch/mine.c"
listed() {
    "$2" list impls --plugin "$scratch/$1" >"$scratch/list" && grep 'map/mine' "$scratch/list"
}
check 'model-build: what it made can be loaded' listed mine.so "$model"
check 'model-build: not by another flavour' refuses 6 'of flavour model' "$bench" list impls --plugin "$scratch/mine.so"
elsewhere() {
    (
        here=$PWD
        cd "$scratch" && "$here/$model" model-build mine.c -o other.so -- -DMK_VALUE_BYTES=64
    ) && listed other.so "$model"
}
check 'model-build: -o, and options for the compiler' elsewhere
sed 's/ MK_MISS;/ system(NULL) ? MK_MISS : MK_HIT;/; s/^#include <pthread.h>/&\n#include <stdlib.h>/' "$scratch/mine.c" \
    >"$scratch/draws.c"
check 'model-build: a call that is not controlled' refuses 6 'draws.c: calls system,' "$bench" model-build "$scratch/draws.c"
check 'model-build: no plug-in is left of that' test ! -e "$scratch/draws.so"
sed 's/MK_SCENARIO(map_put_put,/MK_SCENARIO(ours,/' workloads/scenarios/map_put_put.c >"$scratch/ours.c"
check 'model-build: a scenario' refuses 0 'the scenario ours' "$bench" model-build "$scratch/ours.c"
# By a compiler alone there are no hooks, and nothing to control.
by_hand() {
    flags=$(PKG_CONFIG_PATH=$(dirname "$model") pkg-config --cflags memkit) || return 1
    eval gcc -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared "$scratch/mine.c" "$flags" -o "$scratch/bare.so" &&
        refuses 6 'has none of the hooks.*model-build' "$model" list impls --plugin "$scratch/bare.so"
}
check 'a plug-in without hooks is refused' by_hand
so() {
    make FLAVOUR=model so IMPL=map/chain+reclaim/leak+hash/sip13 &&
        "$model" list impls --plugin "$(dirname "$model")/so/map-chain+reclaim-leak+hash-sip13.so" >"$scratch/list" &&
        grep 'hash/sip13' "$scratch/list"
}
check 'make FLAVOUR=model so: a composition of the tree' so
installed() {
    make install PREFIX="$scratch/to" && make FLAVOUR=model install PREFIX="$scratch/to" &&
        (cd "$scratch" && to/bin/memkit-bench model-build mine.c -o installed.so) &&
        listed installed.so "$scratch/to/lib/memkit-bench/model/memkit-bench"
}
check 'model-build: installed' installed
uninstalled() {
    make uninstall PREFIX="$scratch/to" && test -z "$(find "$scratch/to" -not -type d)"
}
check 'make uninstall takes that away' uninstalled
finish
