/* pressure.c - see pressure.h. */
#include "pressure.h"

const struct mk_pressure mk_pressures[] = {
    {.name = "calm", .help = "as it comes"},
    {.name = NULL},
};

const struct mk_pressure *mk_pressure_of(const char *name) {
    for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
        if (strcmp(at->name, name) == 0) return at;
    }
    return NULL;
}

const char *mk_pressure_skips(const struct mk_pressure *pressure, const struct mk_impl *impl) {
    (void)pressure, (void)impl;
    return NULL;
}

void mk_pressure_begin(const struct mk_pressure *pressure, uint64_t seed) {
    (void)pressure, (void)seed;
}

void mk_pressure_end(void) {
}

void mk_pressure_enter(uint32_t number) {
    (void)number;
}

void mk_pressure_leave(void) {
}
