/* latency.c - a histogram with 32 buckets a doubling: a value is known to 3 %. */
#include "scene.h"

#define PER_DOUBLING 32
#define BITS 5

static unsigned bucket_of(uint64_t value) {
    if (value < PER_DOUBLING) return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - BITS;
    return (shift + 1) * PER_DOUBLING + (unsigned)(value >> shift) - PER_DOUBLING;
}

/* The last value of a bucket. */
static uint64_t bucket_end(unsigned bucket) {
    if (bucket < PER_DOUBLING) return bucket;
    unsigned shift = bucket / PER_DOUBLING - 1;
    return ((uint64_t)(bucket % PER_DOUBLING + PER_DOUBLING + 1) << shift) - 1;
}

void hist_add(struct hist *hist, uint64_t value) {
    hist->n++;
    hist->bucket[bucket_of(value)]++;
}

void hist_merge(struct hist *into, const struct hist *from) {
    into->n += from->n;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) into->bucket[i] += from->bucket[i];
}

uint64_t hist_at(const struct hist *hist, uint32_t of_a_million) {
    uint64_t wanted = (hist->n * of_a_million + 999999) / 1000000, passed = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        passed += hist->bucket[i];
        if (passed >= wanted && passed) return bucket_end(i);
    }
    return 0;
}
