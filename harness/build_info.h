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
};

/* Returns the one record. Any thread. */
const struct mk_build_info *mk_build_info(void);

/* Returns why timings of this build mean nothing (a sanitizer, a debug build, no optimisation), or
 * NULL where they may be trusted. Any thread. */
const char *mk_build_untrustworthy(void);

#endif
