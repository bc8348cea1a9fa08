#!/bin/sh
# test_cross.sh - another CPU: conformance of every implementation, compiled for aarch64 (make cross, which
# make check-all does), under qemu. That shows what the other instruction set breaks: sizes, alignment, instructions
# for atomics; not the weaker order of its memory, which qemu on x86 does not have: the model flavour shows that.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
alone=$(dirname "$BUILD")/aarch64/tests/alone
root=/usr/aarch64-linux-gnu
if [ -z "${CROSS-}" ]; then
    skip 'conformance on aarch64' 'make check-all runs it'
    finish
fi
if ! command -v qemu-aarch64 >/dev/null || [ ! -d $root ]; then
    skip 'conformance on aarch64' 'there is no qemu-aarch64, or no C library for it: scripts/setup cross'
    finish
fi
if [ ! -x "$alone" ]; then
    skip 'conformance on aarch64' "it is not built: scripts/setup cross, make cross"
    finish
fi
on_aarch64() {
    MK_CONFORM_EFFORT=5 qemu-aarch64 -L "$root" "$alone" "$@"
}
is_of_it() {
    readelf -h "$alone" | grep -q AArch64
}
check 'what is run is of aarch64' is_of_it
check 'conformance on aarch64' on_aarch64
finish
