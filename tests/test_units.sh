#!/bin/sh
# test_units.sh - scripts/units turns what lies in impl/ into the right rules.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
units=$PWD/scripts/units
mkdir -p "$scratch/tree" "$scratch/bin"
cd "$scratch/tree" || exit 1

# file PATH LINE...: an implementation whose block has these lines.
file() {
    path=$1
    shift
    mkdir -p "$(dirname "$path")"
    echo "/* ${path#impl/} - a file" >"$path"
    for line in "$@"; do echo " * $line" >>"$path"; done
    echo ' */' >>"$path"
}
file impl/map/chain.c 'parts:      reclaim=ebr hash=fold' 'values:     8 64 1024'
file impl/map/plain.c 'Parts: none; the parts: reclaim=x of others are not ours'
file impl/map/fat.c 'values:     64 8'
file impl/reclaim/ebr.c
file impl/reclaim/leak.c
file impl/hash/fold.c
file impl/hash/sip13.c
file impl/hash/constant.c
mkdir -p impl/peers/map
printf '/* needs: libfound | libfound-dev */\n/* map/found - a peer */\n' >impl/peers/map/found.c
printf '/* needs: liblost | liblost-dev */\n/* map/lost - a peer */\n' >impl/peers/map/lost.c
printf '/* needs: <lost.h> -llost | liblost-dev */\n/* map/header - a peer */\n' >impl/peers/map/header.c
printf '/* needs: <vector> -lfound | libfound-dev */\n/* map/cxx - a peer */\n' >impl/peers/map/cxx.cc
printf '/* needs: libfound.so.1 | libfound1 */\n/* map/loaded - a peer */\n' >impl/peers/map/loaded.c
printf '/* needs: liblost.so.1 | liblost1 */\n/* map/not_loaded - a peer */\n' >impl/peers/map/not_loaded.c
printf '#!/bin/sh\ncase $1 in -print-file-name=libfound*) echo "/lib/${1#*=}" ;; -print*) echo "${1#*=}" ;; *) exec cc "$@" ;; esac\n' \
    >"$scratch/bin/a-cc"
printf '#!/bin/sh\n[ "$2" = libfound ]\n' >"$scratch/bin/pkg-config"
printf '#!/bin/sh\nexec grep -qxF "#include <vector>"\n' >"$scratch/bin/a-g++"
chmod +x "$scratch/bin"/*
export CXX=a-g++ CC=a-cc
PATH=$scratch/bin:$PATH

# objects ARGUMENTS...: the objects, sorted, on one line.
objects() {
    "$units" "$@" | sed -n 's%^\(SO_\)\{0,1\}UNITS += \$(B)/%\1%p' | LC_ALL=C sort | tr '\n' ' '
}
is() {
    [ "$1" = "$2" ] || {
        echo "got:    $1"
        echo "wanted: $2"
        return 1
    }
}
rule() {
    "$units" "$@" | grep -A1 "^\$(B)/$object: " | tail -n 1
}

check 'units: default, each other part, each other value size; peers that are there' is "$(objects release)" \
    'impl/hash/constant.o impl/hash/fold.o impl/hash/sip13.o impl/map/chain+hash/constant.o impl/map/chain+hash/sip13.o impl/map/chain+reclaim/leak.o impl/map/chain.o impl/map/chain@1024.o impl/map/chain@64.o impl/map/fat.o impl/map/fat@8.o impl/map/plain.o impl/peers/map/cxx.o impl/peers/map/found.o impl/peers/map/loaded.o impl/reclaim/ebr.o impl/reclaim/leak.o '
file impl/hash/identity.c
check 'units: few are two value sizes, and hashes by three functions' is "$(objects --few asan)" \
    'impl/hash/constant.o impl/hash/fold.o impl/hash/identity.o impl/hash/sip13.o impl/map/chain+hash/constant.o impl/map/chain+hash/sip13.o impl/map/chain+reclaim/leak.o impl/map/chain.o impl/map/chain@64.o impl/map/fat.o impl/map/fat@8.o impl/map/plain.o impl/reclaim/ebr.o impl/reclaim/leak.o '
rm impl/hash/identity.c
check 'units: no peers outside release' is "$(objects asan | tr ' ' '\n' | grep -c peers)" 0
# lines NAME ARGUMENTS...: what is added to the variable, sorted, on one line.
lines() {
    variable=$1
    shift
    "$units" "$@" | sed -n "s%^$variable += *%%p" | LC_ALL=C sort | tr '\n' ' '
}
check 'units: peers that are not there, and the package' is "$(lines MISSING_PEERS release)" \
    'map/header=liblost-dev map/lost=liblost-dev map/not_loaded=liblost1 '
check 'units: ... and without one where it is the flavour' is "$(lines MISSING_PEERS asan)" \
    'map/cxx= map/found= map/header= map/loaded= map/lost= map/not_loaded= '
check 'units: what peers are linked with' is "$(lines PEER_LIBS release)" \
    '$(shell pkg-config --libs libfound) -lfound -lstdc++ '
check 'units: peers in C++ need its compiler' is "$(CXX=no-such-compiler lines MISSING_PEERS release)" \
    'map/cxx=g++ map/header=liblost-dev map/lost=liblost-dev map/not_loaded=liblost1 '
object=impl/peers/map/cxx.o
check 'units: peers in C++ are compiled as such' is "$(rule release)" '	$(call unit_cxx,)'
object=impl/map/chain+hash/sip13.o
check 'units: flags of a composition' is "$(rule release)" \
    '	$(call unit, -DMK_PART_RECLAIM -include impl/reclaim/ebr.c -DMK_PART_HASH -include impl/hash/sip13.c -DMK_PARTS="\"reclaim/ebr hash/sip13\"" -DMK_CHOSEN="\"+hash/sip13\"" -DMK_VALUE_BYTES=8)'
object=impl/map/chain@64.o
check 'units: flags of a value size' is "$(rule release)" \
    '	$(call unit, -DMK_PART_RECLAIM -include impl/reclaim/ebr.c -DMK_PART_HASH -include impl/hash/fold.c -DMK_PARTS="\"reclaim/ebr hash/fold\"" -DMK_VALUE_BYTES=64)'
object=impl/map/plain.o
check 'units: no flags without parts and sizes' is "$(rule release)" '	$(call unit,)'
object=so/map/chain+reclaim/leak+hash/sip13@64.o
check 'units: any composition as a plug-in, in every size' is \
    "$(objects release map/chain+hash/sip13+reclaim/leak | tr ' ' '\n' | grep -c '^SO_so/map/chain+reclaim/leak+hash/sip13')" 3
check 'units: naming the default changes nothing' is \
    "$(objects release map/chain+hash/fold | tr ' ' '\n' | grep '^SO_.*chain.o')" 'SO_so/map/chain.o'
refused() {
    said=$("$units" release ${2+"$2"} | grep -F "\$(error ")
    printf '%s' "$said" | grep -qF -- "$1" || {
        echo "said: $said"
        return 1
    }
}
check 'units: a plug-in of nothing is refused' refused 'there is no impl/map/nothing.c' map/nothing
check 'units: a part of the wrong sort is refused' refused 'is not compiled with a part alloc/slab' map/chain+alloc/slab
check 'units: a part that is nowhere is refused' refused 'there is no impl/hash/none.c' map/chain+hash/none
rm impl/hash/fold.c
check 'units: a default part that was deleted is refused by name' refused \
    'impl/map/chain.c: its parts need hash/fold, but there is no impl/hash/fold.c'
file impl/hash/fold.c
file impl/reclaim/new.c
check 'units: a new reclaimer needs no edit' is "$(objects release | tr ' ' '\n' | grep -c 'chain+reclaim/new.o')" 1
rm impl/reclaim/leak.c
check 'units: a deleted reclaimer goes' is "$(objects release | tr ' ' '\n' | grep -c 'leak')" 0
rm -r impl
check 'units: nothing is no error' is "$(objects release)" ''
finish
