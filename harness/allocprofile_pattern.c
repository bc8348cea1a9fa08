/* allocprofile_pattern.c - patterns that hurt allocators.
 *
 * growing_sizes: blocks of one size until as much is live as may be, then all but a few are freed, then larger
 * ones. What was freed is of no use for the larger ones, or only where neighbours are freed, too. page_survivors is
 * the same with two sizes, and one survivor a page. realloc_growth: vectors that grow by turns.
 *
 * Each thread does so on its own, with its share of what may be live, and threads take turns event by event.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allocprofile_parts.h"

#define VECTORS_MAX ((uint64_t)1 << 20)

struct blocks {
    struct mk_profile_block *at;
    size_t n;
};

enum doing { FILLING, FREEING, CLEARING };

struct actor {
    struct blocks young, old; /* of this size; that have survived others. Vectors: young, of 0 bytes: none */
    uint64_t live, size;
    enum doing doing;
    size_t next; /* of those that are freed */
};

struct pattern {
    struct mk_profile_out *out;
    const struct mk_profile_shape *shape;
    double growth;
    uint64_t survivor_every, room; /* room: of each thread, in bytes */
    uint64_t vectors;
    struct actor *actor;
};

static uint64_t larger(const struct pattern *p, uint64_t bytes) {
    double next = floor((double)bytes * p->growth + 0.5);
    if (next > (double)MK_PROFILE_BYTES_MAX) return MK_PROFILE_BYTES_MAX + 1;
    return (uint64_t)next > bytes ? (uint64_t)next : bytes + 1;
}

static void allocate(struct pattern *p, uint32_t thread, struct blocks *to, uint64_t bytes) {
    struct mk_profile_block block = {.bytes = bytes, .owner = thread};
    mk_profile_allocate(p->out, &block, MK_AT_MALLOC, 0);
    *(struct mk_profile_block *)mk_grow(&to->at, &to->n, sizeof block) = block;
    p->actor[thread].live += bytes;
}

static void release(struct pattern *p, uint32_t thread, const struct mk_profile_block *block) {
    mk_profile_free(p->out, thread, block);
    p->actor[thread].live -= block->bytes;
}

static void free_next(struct pattern *p, uint32_t thread) {
    struct actor *a = &p->actor[thread];
    const struct mk_profile_block *block = &a->young.at[a->next++];
    if (p->survivor_every && a->next % p->survivor_every == 0)
        *(struct mk_profile_block *)mk_grow(&a->old.at, &a->old.n, sizeof *block) = *block;
    else release(p, thread, block);
}

/* What comes once all of one size have been freed: the next one, or everything anew. */
static void go_on(struct pattern *p, struct actor *a) {
    a->young.n = a->next = 0;
    a->size = larger(p, a->size);
    a->doing = a->size > p->shape->max_bytes || a->size > p->room - a->live ? CLEARING : FILLING;
}

static void grow_sizes(struct pattern *p, uint32_t thread) {
    struct actor *a = &p->actor[thread];
    if (a->doing == FILLING && a->size <= p->room - a->live) {
        allocate(p, thread, &a->young, a->size);
    } else if (a->doing == CLEARING) {
        if (a->old.n) {
            release(p, thread, &a->old.at[--a->old.n]);
        } else {
            a->size = p->shape->min_bytes;
            a->doing = FILLING;
        }
    } else {
        a->doing = FREEING;
        if (a->next < a->young.n) free_next(p, thread);
        else go_on(p, a);
    }
}

static void grow_vectors(struct pattern *p, uint32_t thread) {
    struct actor *a = &p->actor[thread];
    if (a->young.n < p->vectors) {
        allocate(p, thread, &a->young, p->shape->min_bytes);
        return;
    }
    struct mk_profile_block *block = &a->young.at[mk_rng_below(&p->out->rng, p->vectors)];
    struct mk_profile_block next = {.bytes = larger(p, block->bytes), .owner = thread};
    if (!block->bytes) {
        next.bytes = p->shape->min_bytes;
        mk_profile_allocate(p->out, &next, MK_AT_MALLOC, 0);
        *block = next;
    } else if (next.bytes > p->shape->max_bytes) {
        mk_profile_free(p->out, thread, block);
        block->bytes = 0;
    } else {
        mk_profile_resize(p->out, block, &next);
        *block = next;
    }
}

static void free_all(struct pattern *p, uint32_t thread) {
    struct actor *a = &p->actor[thread];
    for (size_t i = a->next; i < a->young.n; i++) {
        if (a->young.at[i].bytes) mk_profile_free(p->out, thread, &a->young.at[i]);
    }
    for (size_t i = 0; i < a->old.n; i++) mk_profile_free(p->out, thread, &a->old.at[i]);
    mk_profile_thread_exits(p->out, thread);
    free(a->young.at);
    free(a->old.at);
}

int mk_profile_make_pattern(struct mk_profile_out *out, const struct mk_allocprofile *profile, uint64_t events,
                            uint32_t threads, struct mk_err *err) {
    const struct mk_profile_shape *shape = &profile->shape;
    struct pattern p = {.out = out,
                        .shape = shape,
                        .growth = shape->growth,
                        .survivor_every = shape->survivor_every,
                        .room = shape->live_bytes / threads,
                        .actor = mk_need(threads, sizeof *p.actor)};
    void (*act)(struct pattern *p, uint32_t thread) =
        profile->pattern == MK_PROFILE_REALLOC_GROWTH ? grow_vectors : grow_sizes;
    int failed = 0;
    if (shape->max_bytes > p.room) {
        failed = mk_fail(err,
                         "\"live_bytes\" is %llu, for %u threads, which leaves each of them less than one block "
                         "of \"max_bytes\", which is %llu",
                         (unsigned long long)shape->live_bytes, threads, (unsigned long long)shape->max_bytes);
    }
    if (profile->pattern == MK_PROFILE_PAGE_SURVIVORS) {
        p.growth = (double)shape->max_bytes / (double)shape->min_bytes;
        p.survivor_every = shape->page_bytes / shape->min_bytes;
    }
    p.vectors = p.room / shape->max_bytes < VECTORS_MAX ? p.room / shape->max_bytes : VECTORS_MAX;
    for (uint32_t t = 0; t < threads && !failed; t++) {
        p.actor[t].size = shape->min_bytes;
        mk_profile_thread_starts(out, t);
    }
    while (!failed && out->writer.events < events && !out->too_much) {
        for (uint32_t t = 0; t < threads; t++) act(&p, t);
    }
    for (uint32_t t = 0; t < threads && !failed; t++) free_all(&p, t);
    free(p.actor);
    return failed;
}
