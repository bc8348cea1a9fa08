#!/bin/sh
# test_setup.sh - a machine that lacks something: scripts/setup installs it or says how, make names it.
# With stand-ins for the system's commands; nothing is installed.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
mkdir "$scratch/bin"
log=$scratch/log

# stand_in NAME BODY
stand_in() {
    printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
    chmod +x "$scratch/bin/$1"
}
PATH=$scratch/bin:$PATH
# hwloc is there once it was "installed".
stand_in pkg-config "[ -e '$scratch/installed' ] || [ \"\$2\" != hwloc ] || exit 1; exec $(command -v pkg-config) \"\$@\""
stand_in apt-get "echo \"apt-get \$*\" >>'$log'; touch '$scratch/installed'"
stand_in sudo "echo sudo >>'$log'; [ \"\$1\" = -n ] && exit \$SUDO_ASKS; exec \"\$@\""

as() {
    stand_in id "echo $1"
    shift
    rm -f "$log" "$scratch/installed"
    "$@"
}
installs() {
    scripts/setup && grep -q 'apt-get install -y .*libhwloc-dev' "$log"
}
check 'setup: root installs what is missing' as 0 installs
export SUDO_ASKS=0
check 'setup: sudo that asks nothing is used' as 1000 installs
export SUDO_ASKS=1
# The compiler for aarch64 is not there.
crosses() {
    refuses 1 'sudo apt-get install -y .* gcc-aarch64-linux-gnu ' env PATH="$scratch/bin:$scratch/few" scripts/setup cross
}
mkdir "$scratch/few"
for tool in sh id command env; do
    [ ! -x "$(command -v $tool)" ] || ln -s "$(command -v $tool)" "$scratch/few/$tool"
done
check 'setup: cross names what another CPU takes' as 1000 crosses
check 'setup: otherwise the one line to run' as 1000 refuses 1 'sudo apt-get install -y --no-install-recommends libhwloc-dev' scripts/setup
untouched() {
    scripts/setup >/dev/null 2>&1
    [ ! -e "$scratch/installed" ]
}
check 'setup: ... and nothing is installed' as 1000 untouched
check 'setup: make demo stops there' as 1000 refuses 2 'sudo apt-get install' make demo
check 'make names the missing library and the remedy' as 1000 refuses 2 'needs hwloc, .*scripts/setup' make B="$scratch/build"
touch "$scratch/installed"
check 'setup: nothing missing, nothing done' scripts/setup

# In a tree of one peer.
mkdir -p "$scratch/peers/impl/peers/map"
printf '/* needs: libpeer | libpeer-dev */\n/* map/peer - a peer */\n' >"$scratch/peers/impl/peers/map/peer.c"
stand_in pkg-config "[ \"\$2\" != libpeer ] || [ -e '$scratch/installed' ]"
setup=$PWD/scripts/setup
peers() (
    cd "$scratch/peers" && "$setup" --peers && [ "$(cat "$log")" = 'apt-get install -y --no-install-recommends libpeer-dev' ]
)
check 'setup: --peers installs what peers ask for' as 0 peers
no_peers() (
    cd "$scratch/peers" && "$setup" && [ ! -e "$log" ]
)
check 'setup: ... which others do not need' as 0 no_peers
peers_refused() (
    cd "$scratch/peers" && refuses 1 'sudo apt-get install -y --no-install-recommends libpeer-dev' "$setup" --peers
)
check 'setup: ... or says how' as 1000 peers_refused
rm "$scratch/bin/pkg-config"

steady() {
    echo 'cc 1.0
-O2 "quoted"' >"$scratch/flags"
    scripts/build_info header 1 'map/x=libx-dev' <"$scratch/flags" >"$scratch/a"
    sleep 1
    SOURCE_DATE_EPOCH=1 scripts/build_info header 1 'map/x=libx-dev' <"$scratch/flags" >"$scratch/b"
    cmp "$scratch/a" "$scratch/b" && grep -qF '"-O2 \"quoted\""' "$scratch/a" &&
        grep -qF 'BUILD_MISSING_PEERS "map/x=libx-dev"' "$scratch/a"
}
check 'build_info: the same for the same sources, whenever' steady
without_git() {
    mkdir -p "$scratch/plain" && cp -r VERSION impl scripts "$scratch/plain" && cd "$scratch/plain" &&
        scripts/build_info header 1 <"$scratch/flags" | grep -F 'BUILD_COMMIT "unknown"'
}
check 'build_info: without git the commit is unknown' without_git
finish
