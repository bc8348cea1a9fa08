#!/bin/sh
# test_freestanding.sh - what must do without a C library does: it is compiled with no header but the compiler's own,
# wants nothing from outside but memcpy, memmove, memset and memcmp, and works in a program that has nothing else
# (tests/freestanding/main.c), on memory from a static array.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh

# What must. A map is compiled with the parts below, where it takes parts of that kind.
pieces='map/chain map/lines map/hopscotch reclaim/hyaline hash/fold'
parts='reclaim/hyaline hash/fold'

# compile PIECE COMPILER: leaves $scratch/unit.o.
compile() {
    flags=
    for part in $parts; do
        kind=${part%/*}
        grep -q "^ \* parts: .*$kind=" "impl/$1.c" || continue
        flags="$flags -DMK_PART_$(echo "$kind" | tr '[:lower:]' '[:upper:]') -include impl/$part.c"
    done
    # shellcheck disable=SC2086 # a list of words
    bare "$2" $flags -c "impl/$1.c" -o "$scratch/unit.o"
}

# bare COMPILER ARGUMENT...: without a C library, its headers included.
bare() {
    compiler=$1
    shift
    "$compiler" -std=c11 -O2 -Wall -Wextra -ffreestanding -nostdinc -isystem "$(own_headers "$compiler")" \
        -fno-stack-protector -fno-pie "$@"
}

own_headers() {
    case $1 in
    clang) echo "$(clang -print-resource-dir)/include" ;;
    *) "$1" -print-file-name=include ;;
    esac
}

# alone OBJECT: it wants nothing else.
alone() {
    wanted=$(nm -u "$1" | awk '{ print $NF }' | grep -vxE 'memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_')
    [ -z "$wanted" ] || {
        echo "wants $wanted"
        return 1
    }
}

does_without() {
    compile "$1" "$2" && alone "$scratch/unit.o"
}

works() {
    compile "$1" "$2" || return 1
    bare "$2" -fno-tree-loop-distribute-patterns -c tests/freestanding/main.c -o "$scratch/main.o" &&
        gcc -nostdlib -nostartfiles -static -no-pie "$scratch/main.o" "$scratch/unit.o" -o "$scratch/program" &&
        [ -z "$(nm -u "$scratch/program")" ] && "$scratch/program"
}

for piece in $pieces; do
    if [ ! -e "impl/$piece.c" ]; then
        echo "not ok freestanding: $piece"
        echo "    there is no impl/$piece.c"
        failures=$((failures + 1))
        continue
    fi
    for compiler in gcc clang; do
        command -v $compiler >/dev/null || continue
        check "freestanding: $piece, $compiler" does_without "$piece" $compiler
    done
    case $piece in
    map/*)
        if [ "$(uname -m)" = x86_64 ]; then
            check "freestanding: $piece works in a program without a C library" works "$piece" gcc
        else
            skip "freestanding: $piece works in a program without a C library" 'the program is one for x86-64'
        fi
        ;;
    esac
done

# What is to be seen is seen.
sed 's%uint64_t hash = mk_hash(key, map->seed);%extern int puts(const char *); puts("");\n    &%' impl/map/chain.c \
    >"$scratch/wants.c"
wants_puts() {
    grep -q 'puts("");' "$scratch/wants.c" && bare gcc -I impl -DMK_PART_RECLAIM -include impl/reclaim/hyaline.c \
        -DMK_PART_HASH -include impl/hash/fold.c -x c -c - -o "$scratch/wants.o" <<END
$(sed "s%\"\.\./%\"$PWD/impl/%" "$scratch/wants.c")
END
}
check 'freestanding: a planted call compiles' wants_puts
check 'freestanding: ... and is seen' refuses 1 'wants puts' alone "$scratch/wants.o"
check 'freestanding: a header of the C library is seen' refuses 1 'pthread.h' compile map/mutex gcc
finish
