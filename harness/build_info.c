/* build_info.c - the only user of build_info.gen.h, which make writes. */
#include "build_info.h"

#include "build_info.gen.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct mk_build_info info = {
    .version = BUILD_VERSION,
    .commit = BUILD_COMMIT,
    .dirty = BUILD_DIRTY,
    .compiler = BUILD_COMPILER,
    .flags = BUILD_FLAGS,
    .flavour = MK_FLAVOUR,
    .header_hash = BUILD_HEADER_HASH,
    .with_papi = MK_WITH_PAPI,
    .hwloc_version = BUILD_HWLOC_VERSION,
    .papi_version = BUILD_PAPI_VERSION,
    .cjson_version = BUILD_CJSON_VERSION,
    .missing_peers = BUILD_MISSING_PEERS,
};

const struct mk_build_info *mk_build_info(void) {
    return &info;
}

bool mk_build_next_missing(const char **at, struct mk_missing_peer *peer) {
    size_t n = strcspn(*at, " "), name = strcspn(*at, "=");
    if (!n) return false;
    snprintf(peer->identity, sizeof peer->identity, "%.*s", (int)name, *at);
    snprintf(peer->package, sizeof peer->package, "%.*s", (int)(n - name - 1), *at + name + 1);
    if (peer->package[0]) {
        snprintf(peer->reason, sizeof peer->reason, "install %s, then make", peer->package);
    } else {
        snprintf(peer->reason, sizeof peer->reason, "packaged library, not instrumented: release build only");
    }
    *at += n + ((*at)[n] == ' ');
    return true;
}

const char *mk_build_untrustworthy(void) {
    static const struct {
        const char *flavour, *reason;
    } known[] = {
        {"debug", "debug build: not optimised"},
        {"tsan", "tsan build: ThreadSanitizer slows every memory access"},
        {"asan", "asan build: AddressSanitizer slows every memory access"},
        {"model", "model build: every memory access is a call"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(info.flavour, known[i].flavour) == 0) return known[i].reason;
    }
#ifndef __OPTIMIZE__
    return "built without optimisation";
#else
    return NULL;
#endif
}
