/* garbage.c - see garbage.h. */
#include "garbage.h"

#include <string.h>

#define STATS_MAX 32

void mk_garbage_read(const struct mk_impl *impl, void *self, struct mk_garbage *garbage) {
    const struct {
        const char *name;
        uint64_t *to;
    } wanted[] = {{"unreclaimed", &garbage->nodes},
                  {"unreclaimed_bytes", &garbage->bytes},
                  {"peak_unreclaimed", &garbage->peak_nodes},
                  {"peak_unreclaimed_bytes", &garbage->peak_bytes}};
    struct mk_stat stats[STATS_MAX];
    size_t n = impl->stats ? impl->stats(self, stats, STATS_MAX) : 0;
    garbage->nodes = garbage->bytes = garbage->peak_nodes = garbage->peak_bytes = UINT64_MAX;
    for (size_t i = 0; i < n && i < STATS_MAX; i++) {
        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++) {
            if (strcmp(stats[i].name, wanted[w].name) == 0) *wanted[w].to = stats[i].value;
        }
    }
}

static void put(uint64_t **list, size_t *n, uint64_t value) {
    *(uint64_t *)mk_grow(list, n, sizeof value) = value;
}

static void thin_out(uint64_t *list, size_t *n) {
    for (size_t i = 0; 2 * i < *n; i++) list[i] = list[2 * i];
    *n = (*n + 1) / 2;
}

void mk_garbage_look(struct mk_garbage_sample *sample, const struct mk_impl *impl, void *self, uint64_t at_ns) {
    struct mk_garbage garbage;
    size_t seen = sample->at_ns_n;
    if (!sample->every_ns) sample->every_ns = MK_GARBAGE_EVERY_NS;
    /* Half an interval of grace: who naps for one wakes up a little before or after its end. */
    if (seen && at_ns < sample->at_ns[seen - 1] + sample->every_ns / 2) return;
    mk_garbage_read(impl, self, &garbage);
    if (garbage.nodes == UINT64_MAX) return;
    if (seen == MK_GARBAGE_LOOKS) {
        thin_out(sample->at_ns, &sample->at_ns_n);
        thin_out(sample->nodes, &sample->nodes_n);
        thin_out(sample->bytes, &sample->bytes_n);
        sample->every_ns *= 2;
    }
    put(&sample->at_ns, &sample->at_ns_n, at_ns);
    put(&sample->nodes, &sample->nodes_n, garbage.nodes);
    if (garbage.bytes != UINT64_MAX) put(&sample->bytes, &sample->bytes_n, garbage.bytes);
}

void mk_garbage_stall(struct mk_garbage_sample *sample, uint64_t begin_ns, uint64_t end_ns) {
    put(&sample->stall_begin_ns, &sample->stall_begin_ns_n, begin_ns);
    put(&sample->stall_end_ns, &sample->stall_end_ns_n, end_ns);
}
