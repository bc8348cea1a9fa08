/* allocprofile_fit.c - what a trace of allocations is like. Three walks: the figures that it is held
 * against; sizes and threads, from which entries follow; then each object's fate, entry by entry. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allocprofile.h"

#define EXACT_ALL 32      /* so many different sizes have an entry each */
#define EXACT_MOST 24     /* where there are more, the most frequent ones; the others are taken by octave */
#define THREADS_APART 32  /* so many threads have an entry each; more are taken together */
#define AT_END_SHARE 1000 /* of a thread's allocations: what it frees in the last one in so many goes at its end */
#define CLOCK_BITS 48     /* of an object's tag, below its entry */

struct entry {
    uint64_t born, count, zeroed, aligned, align[64];
    uint64_t sizes, min, max; /* while entries are made: different sizes */
    double sum;               /* of their blocks' bytes */
    uint64_t when[MK_PROFILE_STRETCHES];
    double lived[MK_AT_BUCKETS]; /* sums */
    uint64_t freed[MK_AT_BUCKETS], crossed[MK_AT_BUCKETS], resized[MK_AT_BUCKETS];
    uint64_t ended, at_end;
    uint64_t *became; /* by entry */
    uint64_t bytes, spread;
};

struct thread {
    uint64_t allocations, taken; /* blocks of others that it frees */
    uint64_t calls, calls_so_far; /* allocations and reallocs */
    uint64_t begins, ends;        /* in allocations by all; with the last thing it does */
};

struct fit {
    struct mk_alloctrace_table size; /* every size; the tag counts its blocks, then is its entry */
    struct entry *entry;
    size_t entries;
    struct thread *thread;
    size_t threads;
    uint64_t clock, total; /* allocations so far, and in all */
};

/* Blocks of no bytes are asked for as one byte. */
static uint64_t bytes_of(uint64_t size) {
    if (!size) return 1;
    return size < MK_PROFILE_BYTES_MAX ? size : MK_PROFILE_BYTES_MAX;
}

/* ---- the first walk ------------------------------------------------------------------------- */

/* Whether a realloc is one for a profile: by the thread that allocated. Otherwise it is a free and an allocation.
 */
static bool resizes(const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken) {
    return taken && mk_alloctrace_gives(event->code) && taken->thread == event->thread;
}

static void see_sizes(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                      struct mk_alloctrace_object *given) {
    struct fit *fit = arg;
    struct thread *thread = &fit->thread[event->thread];
    if (event->code == MK_AT_THREAD_START) thread->begins = fit->total;
    if (taken && taken->thread != event->thread) thread->taken++;
    if (given) {
        uint64_t bytes = bytes_of(event->size);
        struct mk_alloctrace_object *size = mk_alloctrace_find(&fit->size, bytes);
        if (!size) size = mk_alloctrace_insert(&fit->size, bytes);
        size->tag++;
        fit->total++;
        thread->calls++;
        thread->allocations += !resizes(event, taken);
    }
    if (event->code != MK_AT_THREAD_EXIT) thread->ends = fit->total;
}

/* ---- entries of sizes ------------------------------------------------------------------------ */

struct counted {
    uint64_t bytes, count;
};

static int by_count(const void *a, const void *b) {
    const struct counted *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_bytes(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static bool is_taken(const struct fit *fit, const struct entry *but, uint64_t bytes) {
    for (size_t i = 0; i < fit->entries; i++) {
        if (&fit->entry[i] != but && fit->entry[i].bytes == bytes) return true;
    }
    return false;
}

/* What is in an octave becomes the mean, and as far around it as both ends allow. No two entries have one mean. */
static void settle_octaves(struct fit *fit) {
    for (size_t i = 0; i < fit->entries; i++) {
        struct entry *entry = &fit->entry[i];
        if (entry->sizes < 2) continue;
        uint64_t mean = (uint64_t)round(entry->sum / (double)entry->born);
        if (mean < entry->min) mean = entry->min;
        if (mean > entry->max) mean = entry->max;
        entry->spread = mean - entry->min < entry->max - mean ? mean - entry->min : entry->max - mean;
        for (entry->bytes = mean; is_taken(fit, entry, entry->bytes);) entry->bytes++;
    }
    qsort(fit->entry, fit->entries, sizeof *fit->entry, by_bytes);
}

static size_t entry_of_bytes(const struct fit *fit, uint64_t key) {
    for (size_t i = 0; i < fit->entries; i++) {
        if (fit->entry[i].min <= key && key <= fit->entry[i].max && fit->entry[i].sizes == 1) return i;
    }
    for (size_t i = 0; i < fit->entries; i++) {
        if (fit->entry[i].sizes > 1 && mk_alloctrace_bucket(fit->entry[i].min) == mk_alloctrace_bucket(key))
            return i;
    }
    return 0;
}

static void make_entries(struct fit *fit) {
    size_t n = 0, apart, octave_of[MK_AT_BUCKETS] = {0};
    struct counted *counted = mk_need(fit->size.n + 1, sizeof *counted);
    for (size_t i = 0; i < fit->size.slots; i++) {
        if (fit->size.at[i].state) counted[n++] = (struct counted){fit->size.at[i].key, fit->size.at[i].tag};
    }
    qsort(counted, n, sizeof *counted, by_count);
    apart = n <= EXACT_ALL ? n : EXACT_MOST;
    for (size_t i = 0; i < n; i++) {
        unsigned octave = mk_alloctrace_bucket(counted[i].bytes);
        if (i < apart || !octave_of[octave]) {
            struct entry *made = mk_grow(&fit->entry, &fit->entries, sizeof *made);
            made->min = made->bytes = counted[i].bytes;
            if (i >= apart) octave_of[octave] = fit->entries;
        }
        struct entry *entry = &fit->entry[i < apart ? i : octave_of[octave] - 1];
        if (counted[i].bytes < entry->min) entry->min = counted[i].bytes;
        if (counted[i].bytes > entry->max) entry->max = counted[i].bytes;
        entry->sizes++;
        entry->sum += (double)counted[i].bytes * (double)counted[i].count;
        entry->born += counted[i].count;
    }
    free(counted);
    settle_octaves(fit);
    for (size_t i = 0; i < fit->size.slots; i++) {
        if (fit->size.at[i].state) fit->size.at[i].tag = entry_of_bytes(fit, fit->size.at[i].key);
    }
    for (size_t i = 0; i < fit->entries; i++) {
        fit->entry[i].became = mk_need(fit->entries, sizeof *fit->entry[i].became);
        fit->entry[i].born = 0;
    }
}

/* ---- the second walk ------------------------------------------------------------------------- */

static size_t entry_of(const struct fit *fit, uint64_t size) {
    return (size_t)mk_alloctrace_find(&fit->size, bytes_of(size))->tag;
}

/* Whether it is a block that its thread frees when it ends: after its last allocations. Of threads that live for a
 * short time, lives say as much. */
static bool is_at_end(const struct fit *fit, const struct thread *thread, uint64_t life) {
    uint64_t slack = thread->calls / AT_END_SHARE;
    return thread->calls - thread->calls_so_far <= slack && life > slack &&
           thread->ends - thread->begins >= fit->total / 2;
}

static void see_end(struct fit *fit, const struct mk_alloctrace_event *event,
                    const struct mk_alloctrace_object *taken) {
    struct entry *entry = &fit->entry[taken->tag >> CLOCK_BITS];
    const struct thread *thread = &fit->thread[event->thread];
    uint64_t life = fit->clock - (taken->tag & ((UINT64_C(1) << CLOCK_BITS) - 1));
    unsigned bucket = mk_alloctrace_bucket(life);
    bool own = taken->thread == event->thread;
    entry->ended++;
    if (own && !mk_alloctrace_gives(event->code) && is_at_end(fit, thread, life)) {
        entry->at_end++;
        return;
    }
    entry->lived[bucket] += (double)life;
    if (!own) entry->crossed[bucket]++;
    else if (!mk_alloctrace_gives(event->code)) entry->freed[bucket]++;
    else {
        entry->resized[bucket]++;
        entry->became[entry_of(fit, event->size)]++;
    }
}

static void see_fates(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                      struct mk_alloctrace_object *given) {
    struct fit *fit = arg;
    if (taken) see_end(fit, event, taken);
    if (!given) return;
    size_t number = entry_of(fit, event->size);
    struct entry *entry = &fit->entry[number];
    entry->born++;
    if (!resizes(event, taken)) {
        entry->count++;
        entry->when[fit->clock * MK_PROFILE_STRETCHES / fit->total]++;
        entry->zeroed += event->code == MK_AT_CALLOC;
        entry->aligned += event->code == MK_AT_ALIGNED;
        if (event->code == MK_AT_ALIGNED) entry->align[event->align_log2 & 63]++;
    }
    fit->thread[event->thread].calls_so_far++;
    fit->clock++;
    given->tag = (uint64_t)number << CLOCK_BITS | fit->clock;
}

/* ---- what is written --------------------------------------------------------------------------- */

static void add_u64(uint64_t **list, size_t *n, uint64_t value) {
    *(uint64_t *)mk_grow(list, n, sizeof value) = value;
}

static bool any(const uint64_t *list) {
    for (unsigned i = 0; i < MK_AT_BUCKETS; i++) {
        if (list[i]) return true;
    }
    return false;
}

static void write_lives(const struct entry *entry, struct mk_profile_size *size) {
    bool freed = any(entry->freed), crossed = any(entry->crossed), resized = any(entry->resized);
    for (unsigned i = 0; i < MK_AT_BUCKETS; i++) {
        uint64_t n = entry->freed[i] + entry->crossed[i] + entry->resized[i];
        if (!n) continue;
        *(double *)mk_grow(&size->lives, &size->lives_n, sizeof(double)) =
            round(10 * entry->lived[i] / (double)n) / 10;
        if (freed) add_u64(&size->freed, &size->freed_n, entry->freed[i]);
        if (crossed) add_u64(&size->crossed, &size->crossed_n, entry->crossed[i]);
        if (resized) add_u64(&size->resized, &size->resized_n, entry->resized[i]);
    }
}

static void write_size(const struct fit *fit, const struct entry *entry, struct mk_profile_size *size) {
    unsigned most = 0;
    size->bytes = entry->bytes;
    size->spread_bytes = entry->spread;
    size->count = entry->count;
    size->zeroed = entry->zeroed;
    size->aligned = entry->aligned;
    for (unsigned i = 0; i < 31; i++) {
        if (entry->align[i] > entry->align[most]) most = i;
    }
    if (entry->aligned) size->align_bytes = UINT64_C(1) << most;
    for (unsigned i = 0; i < MK_PROFILE_STRETCHES && entry->count; i++)
        add_u64(&size->when, &size->when_n, entry->when[i]);
    write_lives(entry, size);
    size->at_end = entry->at_end;
    size->kept = entry->born - entry->ended;
    for (size_t i = 0; i < fit->entries; i++) {
        if (!entry->became[i]) continue;
        add_u64(&size->resized_to, &size->resized_to_n, fit->entry[i].bytes);
        add_u64(&size->resized_to_count, &size->resized_to_count_n, entry->became[i]);
    }
}

static double share(uint64_t part, uint64_t of) {
    return of ? round(1e6 * (double)part / (double)of) / 1e6 : 0;
}

/* Of one thread, or of several: then so that none begins before the first and none ends after the last. */
static void add_thread(struct mk_profile_threads *row, const struct thread *thread, uint64_t total) {
    double begins = share(thread->begins, total), ends = share(thread->ends, total);
    if (begins > 1 - 1e-6) begins = 1 - 1e-6;
    if (ends < begins + 1e-6) ends = begins + 1e-6;
    if (!row->threads++ || begins < row->begins_frac) row->begins_frac = begins;
    if (ends > row->ends_frac) row->ends_frac = ends;
    row->allocations += thread->allocations;
    row->frees_of_others += thread->taken;
    row->life_frac += ends - begins;
}

static void write_threads(const struct fit *fit, struct mk_allocprofile *out) {
    size_t row_of[MK_AT_BUCKETS] = {0};
    for (size_t t = 0; t < fit->threads; t++) {
        const struct thread *thread = &fit->thread[t];
        size_t *row = &row_of[mk_alloctrace_bucket(thread->allocations)];
        if (fit->threads <= THREADS_APART || !*row) {
            memset(mk_grow(&out->threads, &out->threads_n, sizeof *out->threads), 0, sizeof *out->threads);
            *row = out->threads_n;
        }
        add_thread(&out->threads[*row - 1], thread, fit->total);
    }
    for (size_t i = 0; i < out->threads_n; i++) {
        struct mk_profile_threads *row = &out->threads[i];
        row->life_frac =
            row->threads == 1 ? 0 : share((uint64_t)(1e6 * row->life_frac), row->threads * UINT64_C(1000000));
    }
}

static void write_profile(const struct fit *fit, struct mk_allocprofile *out) {
    const struct mk_field *list = mk_record_field(&mk_allocprofile_record, "sizes");
    for (size_t i = 0; i < fit->entries; i++) {
        struct mk_profile_size *size = mk_grow(&out->sizes, &out->sizes_n, sizeof *size);
        mk_record_preset(list->record, size);
        write_size(fit, &fit->entry[i], size);
    }
    write_threads(fit, out);
}

static char *copy_of(const char *text) {
    return text ? mk_need_text(text) : NULL;
}

static void write_head(const struct mk_alloctrace *trace, const struct mk_alloctrace_stats *stats,
                       struct mk_allocprofile *out) {
    const struct mk_alloctrace_info *info = &trace->info;
    const char *program = info->origin.program, *slash = program ? strrchr(program, '/') : NULL;
    struct mk_profile_fitted *fitted = &out->fitted;
    out->schema = mk_need_text(MK_PROFILE_SCHEMA);
    out->name = mk_need_text(slash ? slash + 1 : program && *program ? program : "unknown");
    out->events = info->events < MK_PROFILE_EVENTS_MAX ? info->events : MK_PROFILE_EVENTS_MAX;
    if (stats->last_ns) out->allocations_per_s = round((double)stats->allocations * 1e9 / (double)stats->last_ns);
    if (out->allocations_per_s > 1e12) out->allocations_per_s = 1e12;
    fitted->command = copy_of(info->origin.command);
    fitted->date = copy_of(info->origin.date);
    fitted->checksum = info->checksum;
    fitted->events = info->events;
    fitted->allocations = stats->allocations;
    fitted->reallocs = stats->of_code[MK_AT_REALLOC] + stats->of_code[MK_AT_REALLOC_MOVED];
    fitted->frees = stats->frees;
    fitted->crossing_frees = stats->crossed;
    fitted->peak_live_bytes = stats->peak_bytes;
    fitted->peak_live_blocks = stats->peak_blocks;
}

int mk_allocprofile_fit(struct mk_alloctrace *trace, struct mk_allocprofile *out, struct mk_err *err) {
    struct fit fit = {.threads = trace->threads, .thread = mk_need(trace->threads + 1, sizeof *fit.thread)};
    struct mk_alloctrace_stats *stats = mk_need(1, sizeof *stats);
    mk_record_preset(&mk_allocprofile_record, out);
    int failed = mk_alloctrace_count(trace, stats, err);
    if (!failed && !stats->allocations)
        failed = mk_fail(err, "nothing is allocated in it: there is nothing to fit");
    if (!failed && trace->threads > MK_PROFILE_THREADS_MAX) {
        failed =
            mk_fail(err, "%zu threads are too many: a profile holds %u", trace->threads, MK_PROFILE_THREADS_MAX);
    }
    if (!failed) failed = mk_alloctrace_walk(trace, see_sizes, &fit, err);
    if (!failed) {
        make_entries(&fit);
        failed = mk_alloctrace_walk(trace, see_fates, &fit, err);
    }
    if (!failed) {
        write_head(trace, stats, out);
        write_profile(&fit, out);
    }
    for (size_t i = 0; i < fit.entries; i++) free(fit.entry[i].became);
    free(fit.entry);
    free(fit.thread);
    mk_alloctrace_table_free(&fit.size);
    mk_alloctrace_stats_free(stats);
    free(stats);
    return failed;
}
