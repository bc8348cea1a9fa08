/* build_info.h - what this binary was made from, compiled in by make. */
#ifndef MK_BUILD_INFO_H
#define MK_BUILD_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct mk_build_info {
    const char *version;       /* of the project: "0.1.0" */
    const char *commit;        /* full hash; "unknown" where there was no git */
    bool dirty;                /* tracked files differed from the commit */
    const char *compiler;      /* first line of its --version */
    const char *flags;         /* everything it was given but file names */
    const char *flavour;       /* release, debug, tsan, asan, model */
    uint64_t header_hash;      /* of the contract headers impl/<name>.h; plug-ins must agree */
    bool with_papi;            /* built against PAPI */
    const char *hwloc_version; /* of the libraries at build time; papi "" where built out */
    const char *papi_version;
    const char *cjson_version;
    const char *missing_peers; /* "kind/name=package ...": left out by make; no package: by the flavour */
};

/* Of an implementation that stands on a packaged library and is not in this build. */
struct mk_missing_peer {
    char identity[96]; /* kind/name */
    char package[64];  /* that has to be installed; "" where another flavour has it */
    char reason[160];  /* what to do, as half a sentence */
};

/* Returns the one record. Any thread. */
const struct mk_build_info *mk_build_info(void);

/* Fills *peer with the one that *at (at first missing_peers) begins with, and moves *at on. Returns false at the end.
 * Any thread. */
bool mk_build_next_missing(const char **at, struct mk_missing_peer *peer);

/* Returns why timings of this build mean nothing (a sanitizer, a debug build, no optimisation), or
 * NULL where they may be trusted. Any thread. */
const char *mk_build_untrustworthy(void);

#endif
