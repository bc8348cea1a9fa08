#!/bin/sh
# test_disassembly.sh - what the compilers made of the timed loops: no call through a pointer in a
# batch of gets (nor of hashes, nor of read-side sections); in puts and removes none but to memory.
# And no implementation keeps state outside its instances.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh

# units KIND: "object<tab>source<tab>flags" of the kind's units with values of the smallest size.
units() {
    scripts/units release | awk -v kind="impl/$1/" '
        /^\$\(B\)\// { object = $1; source = $2 }
        /^\t\$\(call unit,/ && index(source, kind) == 1 && object !~ /@/ {
            sub(/^\t\$\(call unit,/, "")
            sub(/\)$/, "")
            gsub(/^\$\(B\)\/impl\/|\.o:$/, "", object)
            print object "\t" source "\t" $0
        }'
}

# assemble COMPILER SOURCE FLAGS: leaves $scratch/unit.s. Memory calls have names in it.
assemble() {
    eval "$1 -std=c11 -D_GNU_SOURCE -O2 -fno-jump-tables -DMK_MEM_DIRECT $3 -S $2 -o '$scratch/unit.s'"
}

# calls DOOR [FORBIDDEN]
calls() {
    awk -v door="$1" -v forbid="${2-}" -f tests/calls.awk "$scratch/unit.s"
}

# look KIND COMPILER SOURCE FLAGS: the doors of one unit. What only reads does not ask for memory either.
look() {
    writes=
    case $1 in
    map) reads=mk_map_batch_get writes='mk_map_batch_put mk_map_batch_remove' ;;
    hash) reads=mk_hash_batch_hash ;;
    reclaim) reads='mk_reclaim_batch_enter_leave mk_reclaim_batch_read' ;;
    slots) reads=mk_slots_batch_read writes='mk_slots_batch_replace mk_slots_batch_cycle' ;;
    refcount)
        reads=mk_refcount_batch_read
        writes='mk_refcount_batch_pair mk_refcount_batch_load mk_refcount_batch_replace mk_refcount_batch_handoff
            mk_refcount_batch_share'
        ;;
    esac
    assemble "$2" "$3" "$4" || return 1
    for door in $reads; do calls "$door" mk_direct_ || return 1; done
    for door in $writes; do calls "$door" || return 1; done
}

compilers=
for compiler in gcc clang; do
    if command -v $compiler >/dev/null; then
        compilers="$compilers $compiler"
    else
        skip "disassembly with $compiler" "$compiler is not installed"
    fi
done

parts_seen=
for kind in map hash reclaim refcount slots; do
    units $kind >"$scratch/units"
    while IFS='	' read -r object source flags; do
        # Only a part itself could call through a pointer where it is put in: one place shows it, and one compiler.
        part=${object#*+}
        case $object in *+*)
            case $parts_seen in *" $part "*) continue ;; esac
            parts_seen="$parts_seen $part "
            ;;
        esac
        for compiler in $compilers; do
            case $compiler,$object in clang,*+*) continue ;; esac
            check "no calls through pointers: $object, $compiler" look $kind "$compiler" "$source" "$flags"
        done
    done <"$scratch/units"
done

# plant NAME GET-BODY: a map whose get does what it should not.
plant() {
    mkdir -p "$scratch/planted"
    sed "s%\"../map.h\"%\"$PWD/impl/map.h\"%; s%^static inline bool null_get.*%$2\n&%; \
s%value->word\[0\] = map->line%helped(map, me);\n    &%" impl/map/null.c >"$scratch/planted/$1.c"
    grep -q 'helped(map, me);' "$scratch/planted/$1.c"
}
# sees NAME: the planted call is found, by each compiler.
sees() {
    for compiler in $compilers; do
        assemble "$compiler" "$scratch/planted/$1.c" '' || return 1
        if calls mk_map_batch_get mk_direct_; then
            echo "$compiler: the planted call was not seen"
            return 1
        fi
    done
}
through='typedef void fn(struct mk_map *, struct mk_thread *);\nfn *volatile mk_planted;\n'
plant pointer "${through}static inline void helped(struct mk_map *m, struct mk_thread *t) { mk_planted(m, t); }"
check 'a planted call through a pointer is seen' sees pointer
plant tail "${through}__attribute__((noinline)) static void helped(struct mk_map *m, struct mk_thread *t) { mk_planted(m, t); }"
check 'a planted jump through a pointer, in a function of its own, is seen' sees tail
plant cold "${through}__attribute__((noinline, cold)) static void far(struct mk_map *m) { mk_planted(m, 0); }\n\
static inline void helped(struct mk_map *m, struct mk_thread *t) { if (__builtin_expect(t->id == 7, 0)) far(m); }"
check 'a planted call in a cold part is seen' sees cold
plant memory "static inline void helped(struct mk_map *m, struct mk_thread *t) { mk_mem_free(m->mem, t, mk_mem_alloc(m->mem, t, 8, 8), 8, 8); }"
check 'a planted allocation in a get is seen' sees memory

# state OBJECT...: writable objects of static storage, those of the registration aside.
state() {
    objdump -t "$@" | awk '
        /file format/ { file = $1 }
        / \.(data|bss|tdata|tbss)\t0*[1-9a-f]/ { print file " " $NF; bad = 1 }
        END { exit bad }'
}
if [ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ]; then
    objects=$(find "$BUILD/impl" -name '*.o' -not -path '*/peers/*')
    # shellcheck disable=SC2086 # a list of words
    check 'no state outside the instances' state $objects
    printf 'static _Thread_local int here; int *f(void) { return &here; }\n' >"$scratch/state.c"
    gcc -c "$scratch/state.c" -o "$scratch/state.o"
    check 'planted state is seen' refuses 1 'state.o:? here' state "$scratch/state.o"
fi
finish
