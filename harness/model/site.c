/* site.c - places of the code that atomic operations, fences and locks are done from, by return address. */
#include "runtime.h"

#include <stdlib.h>

#define SITES_MAX 16384u /* a power of two; no more than three quarters are used */

static struct mk_site *sites;     /* in the order they came */
static uint32_t table[SITES_MAX]; /* 1 + index by hash of the pc; 0 none */
static size_t sites_n;
static struct mk_site lost;       /* stands for those there is no room for */

void (*mk_site_made)(struct mk_site *site);

struct mk_site *mk_site_at(uintptr_t pc, enum mk_act_kind act, int order, int failure_order) {
    uintptr_t at = pc * 0x9e3779b97f4a7c15u >> 44;
    for (uint32_t index; (index = table[at % SITES_MAX]); at++) {
        if (MK_RT_LIKELY(sites[index - 1].pc == pc)) return &sites[index - 1];
    }
    if (!sites) sites = calloc(SITES_MAX, sizeof *sites);
    if (!sites || sites_n == SITES_MAX / 4 * 3) {
        mk_rt.limits++;
        lost = (struct mk_site){.order = (uint8_t)order, .weakened = (uint8_t)order, .failure = (uint8_t)failure_order,
                                .weakened_failure = (uint8_t)failure_order};
        return &lost;
    }
    struct mk_site *site = &sites[sites_n++];
    *site = (struct mk_site){.pc = pc, .act = (uint8_t)act, .order = (uint8_t)order, .weakened = (uint8_t)order,
                             .failure = (uint8_t)failure_order, .weakened_failure = (uint8_t)failure_order};
    table[at % SITES_MAX] = (uint32_t)sites_n;
    if (mk_site_made) mk_site_made(site);
    return site;
}

size_t mk_site_count(void) {
    return sites_n;
}

struct mk_site *mk_site_nth(size_t i) {
    return &sites[i];
}
