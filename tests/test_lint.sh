#!/bin/sh
# test_lint.sh - the tree breaks none of its rules, and each rule catches a planted breach.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh

check 'lint: the tree' scripts/lint

# A small tree that is in order, so that each plant is the only finding.
mkdir -p "$scratch/tree"
cd "$scratch/tree" || exit 1
mkdir -p impl/map impl/alloc harness/check scripts tests
cp "$OLDPWD"/scripts/lint "$OLDPWD"/scripts/lint_orders.py scripts/
cp "$OLDPWD"/impl/map.h impl/
cat >impl/map/good.c <<'END'
/* map/good - has one of everything.
 *
 * Source:     ours.
 * Picture:    head -> node -> node
 * Parts:      none.
 * Progress:   lock-free.
 * Ordering:   linearizable.
 * Memory:     none.
 * Limits:     none.
 */
#include "../map.h"

/* LIN get hit, miss: the load (2). */
static int get(void) {
    /* (2) acquire-load synchronizes-with the release-CAS (3): sees node->value. */
    return atomic_load_explicit(&head, memory_order_acquire);
}

/* LIN put hit: the CAS (3). LIN put miss: the same.
 * LIN remove: none, nothing is removed. */
static void put(void) {
    /* (3) release-CAS synchronizes-with the acquire-load (2): publishes node->value. */
    while (!atomic_compare_exchange_weak_explicit(&head, &old, node, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&n, 1, memory_order_relaxed); /* (4) relaxed: statistics. */
}
END
: >impl/alloc/plain.c
sed 's%map/good%alloc/plain%; /^#/,$d' impl/map/good.c >impl/alloc/plain.c
echo '#include "../impl/map.h"' >harness/run.c

check 'lint: a tree in order' scripts/lint

# planted RULE FILE SED-SCRIPT: the change is found, under that rule, in that file.
planted() {
    mkdir -p "$(dirname "$2")"
    existed=
    if [ -e "$2" ]; then
        existed=1
        cp "$2" ../saved
    else
        echo '/* a file */' >"$2"
    fi
    sed -i "$3" "$2"
    refuses 1 "^$2:[0-9]+: \[$1\]" scripts/lint
    caught=$?
    if [ "$caught" = 0 ] && [ "$(scripts/lint 2>/dev/null | grep -vc "^$2:[0-9]*: \[$1\]")" != 0 ]; then
        scripts/lint
        caught=1
    fi
    if [ -n "$existed" ]; then mv ../saved "$2"; else rm "$2"; fi
    return "$caught"
}

# finds WHAT RULE FILE SED-SCRIPT
finds() {
    check "lint finds $1" planted "$2" "$3" "$4"
}

finds 'impl that includes the harness' impl-looks-out impl/map/good.c '/map.h"/a #include "../../harness/run.h"'
finds 'impl that includes its neighbour' impl-looks-out impl/map/good.c '/map.h"/a #include "other.c"'
finds 'an identity in the harness' harness-names harness/plan.c '$a static const char *x = "map/good";'
finds 'a file name in the harness' harness-names harness/plan.c '$a see impl/alloc/plain.c'
finds 'cJSON elsewhere' one-library harness/result.c '$a #include <cjson/cJSON.h>'
finds 'hwloc elsewhere' one-library harness/run.c '$a #include <hwloc.h>'
finds 'PAPI elsewhere' one-library harness/counter.c '$a #include <papi.h>'
finds 'JSON inside run' one-way harness/run.c '$a #include "json.h"'
finds 'a plan that looks at run' one-way harness/plan.c '$a #include "run.h"'
finds 'a plan that starts a thread' one-way harness/plan.c '$a int x = pthread_create();'
finds 'an oracle that looks at results' one-way harness/check/model.c '$a #include "../result.h"'
finds 'a plot that reads C' scripts-read-c scripts/plot.py '1s%.*%import sys\nopen("impl/map/good.c")%'
finds 'a bare fence' platform impl/map/good.c '$a void f(void) { atomic_thread_fence(memory_order_seq_cst); }'
finds 'a fence in the harness' platform harness/run.c '$a void f(void) { atomic_thread_fence(memory_order_seq_cst); }'
finds 'inline assembly' platform impl/map/good.c '$a void f(void) { __asm__("nop"); }'
finds 'C11 threads' platform harness/run.c '$a int f(void) { return thrd_create(0, 0, 0); }'
finds 'a promise' promise harness/run.c "\$a /* TO""DO: later */"
finds 'a path of this machine' leak harness/run.c "\$a /* see /ro""ot/notes */"
finds 'a missing key' top impl/map/good.c '/^ \* Memory/d'
finds 'a copy with the old name' top impl/map/good.c '1s%map/good%map/other%'
finds 'an order that is not the code'"'"'s' orders impl/map/good.c 's/&head, memory_order_acquire/\&head, memory_order_relaxed/'
finds 'a load called a store' orders impl/map/good.c 's/(2) acquire-load/(2) acquire-store/'
finds 'a number twice' orders impl/map/good.c 's/(4) relaxed/(3) relaxed/'
finds 'a pair that is not reciprocal' orders impl/map/good.c 's/acquire-load (2): pub/acquire-load (4): pub/'
finds 'a partner that is nowhere' orders impl/map/good.c 's/acquire-load (2): pub/acquire-load (7): pub/'
finds 'an order without a partner' orders impl/map/good.c 's/ synchronizes-with the acquire-load (2)//'
finds 'an access without a number' orders impl/map/good.c 's% /\* (4) relaxed: statistics. \*/%\n\n\n\n\n%; $a void f(void) { atomic_store_explicit(\&n, 0, memory_order_relaxed); }'
finds 'an access without an order' orders impl/map/good.c 's/atomic_fetch_add_explicit(&n, 1, memory_order_relaxed)/atomic_fetch_add(\&n, 1)/'
finds 'a number without an access' orders impl/map/good.c '/atomic_fetch_add/s%.*%/* (4) relaxed: statistics. */%'
finds 'a number without an order' orders impl/map/good.c 's/(4) relaxed/(4) whatever/'
finds 'a missing linearization point' lin impl/map/good.c 's/LIN put miss: the same.//'
finds 'an outcome forgotten' lin impl/map/good.c 's/LIN get hit, miss/LIN get hit/'
if command -v shellcheck >/dev/null; then
    finds 'a shell script with a trap' shell scripts/build '1s%.*%#!/bin/sh\nrm -rf $1/*%'
else
    skip 'lint finds a shell script with a trap' 'shellcheck is not installed'
fi
finds 'python that does not parse' python scripts/plot.py '1s%.*%def f(:%'
finish
