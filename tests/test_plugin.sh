#!/bin/sh
# test_plugin.sh - implementations from out of the tree: built by memkit.pc in C11 and C++17, by each
# compiler, loaded, and refused with a sentence where they do not fit.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
bench=$BUILD/memkit-bench
flags=$(PKG_CONFIG_PATH=$BUILD pkg-config --cflags memkit) || exit 1

# An implementation of the tree, copied and renamed, goes on saying "../map.h".
sed 's/MK_MAP(null,/MK_MAP(mine,/' impl/map/null.c >"$scratch/mine.c"

# build COMMAND SOURCE OUT [FLAGS]: a plug-in; OUT is a name in $scratch.
build() {
    # shellcheck disable=SC2086 # lists of words
    $1 -O2 -Wall -Werror -fPIC -shared "$2" ${4-$flags} -pthread -o "$scratch/$3"
}
# loads PLUGIN IDENTITY
loads() {
    if ! "$bench" list impls --plugin "$scratch/$1" >"$scratch/list" || ! grep -qF "$2" "$scratch/list"; then
        cat "$scratch/list"
        return 1
    fi
}
both() {
    build "$1" "$2" "$3" && loads "$3" "$4"
}
for compiler in gcc clang; do
    if command -v $compiler >/dev/null; then
        check "plug-in in C11 by $compiler" both "$compiler -std=c11 -D_GNU_SOURCE" "$scratch/mine.c" "c-$compiler.so" map/mine
    else
        skip "plug-in in C11 by $compiler" 'not installed'
    fi
done
for compiler in g++ clang++; do
    if command -v $compiler >/dev/null; then
        check "plug-in in C++17 by $compiler" both "$compiler -std=c++17" tests/plugins/outside.cc "$compiler.so" map/outside
    else
        skip "plug-in in C++17 by $compiler" 'not installed'
    fi
done

# A scenario, and a plug-in of both.
sed 's/MK_SCENARIO(map_put_put,/MK_SCENARIO(ours,/' workloads/scenarios/map_put_put.c >"$scratch/ours.c"
cat "$scratch/mine.c" >"$scratch/both.c"
sed 's/MK_SCENARIO(map_put_put,/MK_SCENARIO(both,/; /include/!b; /map\.h/d' workloads/scenarios/map_put_put.c >>"$scratch/both.c"
sed -i 's/MK_MAP(mine,/MK_MAP(both,/' "$scratch/both.c"
cp "$scratch/ours.c" "$scratch/theirs.cc"
sed -i 's/MK_SCENARIO(ours,/MK_SCENARIO(theirs,/' "$scratch/theirs.cc"
scenario() {
    build "$1" "$scratch/$2" "$3" && "$bench" list scenarios --plugin "$scratch/$3" | grep -q "^${2%.*} "
}
two_in_one() {
    scenario 'gcc -std=c11 -D_GNU_SOURCE' both.c both.so && loads both.so map/both
}
check 'a scenario as a plug-in in C11' scenario 'gcc -std=c11 -D_GNU_SOURCE' ours.c ours.so
if command -v g++ >/dev/null; then
    check 'a scenario as a plug-in in C++17' scenario 'g++ -std=c++17' theirs.cc theirs.so
else
    skip 'a scenario as a plug-in in C++17' 'not installed'
fi
check 'an implementation and a scenario in one file' two_in_one

# One with parts, which are compiled in from where memkit.pc says they are.
sed 's/MK_MAP(mutex,/MK_MAP(parted,/' impl/map/mutex.c >"$scratch/parted.c"
parted() {
    parts=$(PKG_CONFIG_PATH=$BUILD pkg-config --variable=impldir memkit) &&
        build 'gcc -std=c11 -D_GNU_SOURCE' "$scratch/parted.c" parted.so \
            "$flags -DMK_PART_HASH -include $parts/hash/sip13.c -DMK_PARTS=\"hash/sip13\"" && loads parted.so map/parted
}
check 'plug-in with a part of the tree' parted

# refused TEXT SOURCE FLAGS...: the plug-in builds, and loading it ends with status 6 and TEXT.
refused() {
    text=$1
    build 'gcc -std=c11 -D_GNU_SOURCE' "$2" bad.so "$3" && refuses 6 "$text" "$bench" list impls --plugin "$scratch/bad.so"
}
cp -RL "$BUILD/include" "$scratch/abi"
sed -i 's/^#define MK_ABI .*/#define MK_ABI 999u/' "$scratch/abi/memkit/mk.h"
check 'another ABI is refused' refused 'ABI 999.*compile' "$scratch/mine.c" \
    "$(echo "$flags" | sed "s%$PWD/$BUILD/include%$scratch/abi%g; s%$BUILD/include%$scratch/abi%g")"
check 'other headers are refused' refused 'other contract headers.*compile' "$scratch/mine.c" \
    "$(echo "$flags" | sed 's/-DMK_HEADER_HASH=[^ ]*/-DMK_HEADER_HASH=1u/')"
echo '#define MK_FLAVOUR "tsan"' >"$scratch/flavour.h"
check 'another flavour is refused' refused 'flavour tsan.*flavour release' "$scratch/mine.c" \
    "$flags -include $scratch/flavour.h"
echo 'int nothing;' >"$scratch/nothing.c"
check 'a library that is no plug-in is refused' refused 'is no plug-in' "$scratch/nothing.c" ''
check 'a name that is not the file'"'"'s is refused' refused 'mine.c registers the name "null"' \
    "$(cp impl/map/null.c "$scratch/mine.c" && echo "$scratch/mine.c")" "$flags"
check 'a name that is taken is refused' refused 'map/null is registered twice' impl/map/null.c "$flags"
check 'a file that is not there is refused' refuses 6 'cannot load plug-in.*absent.so' "$bench" list impls --plugin "$scratch/absent.so"

# Any composition of the tree, also one that is not built in.
so() {
    make so IMPL=map/chain+reclaim/leak+hash/sip13 || return 1
    cp "$BUILD/so/map-chain+reclaim-leak+hash-sip13.so" "$scratch/so.so"
    loads so.so map/chain+reclaim/leak+hash/sip13
}
check 'make so: a composition as a plug-in' so
check 'make so: nothing but mk_plugin is seen from outside' \
    test "$(nm -D --defined-only "$scratch/so.so" | awk '{ print $NF }')" = mk_plugin
finish
