#!/bin/sh
# test_tree.sh - adding, copying, renaming and deleting an implementation is all there is to do; and
# make notices. In a copy of the tree and of its build.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh

copy_tree "$scratch/tree"
mkdir "$scratch/tree/build"
cp -a "$BUILD" "$scratch/tree/build/release"
cd "$scratch/tree" || exit 1
bench=build/release/memkit-bench

built() {
    make -j2 >"$scratch/make.log" 2>&1 || {
        cat "$scratch/make.log"
        return 1
    }
}
# listed IDENTITY: the list has it, as a word.
listed() {
    "$bench" list impls >"$scratch/list" && tr -s ' ,' '\n' <"$scratch/list" | grep -qxF "$1"
}
# shows IDENTITY, drops IDENTITY: after make.
shows() {
    built && listed "$1"
}
drops() {
    built || return 1
    if listed "$1"; then
        echo "$1 is still there"
        return 1
    fi
}
says() {
    text=$1
    built && refuses 6 "$text" "$bench" list impls
}
idle() {
    built
    if grep -qE '^  (CC|LD)' "$scratch/make.log"; then
        cat "$scratch/make.log"
        return 1
    fi
}

check 'a copied tree builds' built
check 'nothing to do is nothing done' idle
sed 's/MK_MAP(mutex,/MK_MAP(fresh,/' impl/map/mutex.c >impl/map/fresh.c
check 'an added file is in the list' shows map/fresh
mv impl/map/fresh.c impl/map/newer.c
check 'a renamed file that registers its old name is refused, both named' says 'impl/map/newer.c registers the name "fresh"'
sed -i 's/MK_MAP(fresh,/MK_MAP(newer,/' impl/map/newer.c
check 'once the name follows, it is in the list' shows map/newer
check '... and the old name is not' drops map/fresh
rm impl/map/newer.c
check 'a deleted file is gone after make' drops map/newer
cp impl/map/mutex.c impl/map/twin.c
check 'a copy that keeps the name is refused, both named' says 'impl/map/twin.c registers the name "mutex"'
rm impl/map/twin.c
mkdir -p impl/peers/map
{
    echo '/* needs: hwloc | libhwloc-dev */'
    cat impl/map/mutex.c
} | sed 's%"../%"../../%' >impl/peers/map/mutex.c
check 'the same name twice is refused, both files named' says \
    'map/mutex is registered twice, by impl/(map|peers/map)/mutex.c and by impl/(map|peers/map)/mutex.c'
rm impl/peers/map/mutex.c
{
    echo '/* needs: liblost | liblost-dev */'
    sed 's/MK_MAP(mutex,/MK_MAP(lost,/' impl/map/mutex.c
} | sed 's%"../%"../../%' >impl/peers/map/lost.c
not_built() {
    built && "$bench" list impls | grep -xF 'not built: map/lost (install liblost-dev, then make)' &&
        "$bench" list impls --json | grep -F '"package": "liblost-dev"'
}
check 'a peer whose library is not here is listed, with what has to be installed' not_built
check '... and says so when it is named' refuses 2 'map/lost is not in this build \(install liblost-dev, then make\)' \
    "$bench" plan workloads/quickstart.json --impl map/lost
check '... in a workload as well' refuses 2 'map/lost is not in this build' \
    "$bench" workloads/quickstart.json --set 'impls=["map/mutex","map/lost"]' --budget 1s
rm impl/peers/map/lost.c
check 'a peer that is deleted is no longer listed as missing' refuses 2 'no implementation of kind map named "lost"' \
    sh -c 'make -j2 >/dev/null 2>&1 && "$1" plan workloads/quickstart.json --impl map/lost' - "$bench"
sed 's/MK_RECLAIM(leak,/MK_RECLAIM(keep,/' impl/reclaim/leak.c >impl/reclaim/keep.c
check 'an added reclaimer combines with what takes one' shows map/chain+reclaim/keep
rm impl/reclaim/keep.c
check 'a deleted reclaimer takes its combinations along' drops map/chain+reclaim/keep
check '... and the rest is as it was' listed map/chain
mv impl/hash/fold.c impl/hash/bent.c
check 'a default part that is gone is named by make' refuses 2 'impl/map/[a-z]+.c: its parts need hash/fold' make
mv impl/hash/bent.c impl/hash/fold.c

flags_change() {
    built && make CFLAGS=-DMK_OTHER build/release/impl/map/mutex.o >"$scratch/make.log" 2>&1 && grep -q 'CC .*impl/map/mutex.o' "$scratch/make.log"
}
check 'other flags build anew' flags_change
finish
