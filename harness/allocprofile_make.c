/* allocprofile_make.c - traces from profiles: the names of objects, and what is live. What happens is decided in
 * allocprofile_drawn.c and allocprofile_pattern.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "allocprofile_parts.h"

#define EVENTS_OVER 2 /* a trace has at most so many times the events that are the limit: chance draws them */

#define AT_ONCE_MAX 4096u /* threads */

static void add(struct mk_profile_out *out, struct mk_alloctrace_event *event) {
    event->time_ns = (uint64_t)((double)out->clock * out->ns_of_one);
    mk_alloctrace_add(&out->writer, event);
    if (out->writer.events > EVENTS_OVER * MK_PROFILE_EVENTS_MAX) out->too_much = true;
}

void mk_profile_thread_starts(struct mk_profile_out *out, uint32_t thread) {
    struct mk_alloctrace_event event = {.code = MK_AT_THREAD_START};
    event.thread = out->slots[thread].number = out->begun++;
    if (++out->at_once > AT_ONCE_MAX) out->crowded = out->too_much = true;
    else add(out, &event);
}

void mk_profile_thread_exits(struct mk_profile_out *out, uint32_t thread) {
    struct mk_alloctrace_event event = {.code = MK_AT_THREAD_EXIT, .thread = out->slots[thread].number};
    add(out, &event);
    out->at_once--;
    free(out->slots[thread].free);
    out->slots[thread].free = NULL;
    out->slots[thread].free_n = 0;
}

static void take_name(struct mk_profile_out *out, struct mk_profile_block *block) {
    struct mk_profile_slots *slots = &out->slots[block->owner];
    if (block->crosses) block->name = out->writer.crossing;
    else block->name = slots->free_n ? slots->free[--slots->free_n] : slots->next++;
}

static void give_name_back(struct mk_profile_out *out, const struct mk_profile_block *block) {
    struct mk_profile_slots *slots = &out->slots[block->owner];
    if (!block->crosses) *(uint64_t *)mk_grow(&slots->free, &slots->free_n, sizeof *slots->free) = block->name;
}

static void count_in(struct mk_profile_out *out, uint64_t bytes) {
    struct mk_allocprofile_made *made = &out->made;
    out->clock++;
    out->live_bytes += bytes;
    out->live_blocks++;
    if (out->live_bytes > MK_PROFILE_BYTES_MAX) out->too_much = true;
    if (out->live_bytes > made->peak_live_bytes) made->peak_live_bytes = out->live_bytes;
    if (out->live_blocks > made->peak_live_blocks) made->peak_live_blocks = out->live_blocks;
}

static void count_out(struct mk_profile_out *out, uint64_t bytes) {
    out->live_bytes -= bytes;
    out->live_blocks--;
}

static struct mk_alloctrace_event event_of(const struct mk_profile_out *out, uint32_t thread, unsigned code) {
    return (struct mk_alloctrace_event){.thread = out->slots[thread].number, .code = code};
}

void mk_profile_allocate(struct mk_profile_out *out, struct mk_profile_block *block, unsigned code,
                         uint8_t align_log2) {
    struct mk_alloctrace_event event = event_of(out, block->owner, code);
    take_name(out, block);
    event.given = block->name;
    event.given_crosses = block->crosses;
    event.size = block->bytes;
    event.align_log2 = align_log2;
    add(out, &event);
    count_in(out, block->bytes);
}

void mk_profile_free(struct mk_profile_out *out, uint32_t thread, const struct mk_profile_block *block) {
    struct mk_alloctrace_event event = event_of(out, thread, MK_AT_FREE);
    event.taken = block->name;
    event.taken_crosses = block->crosses;
    add(out, &event);
    give_name_back(out, block);
    count_out(out, block->bytes);
}

void mk_profile_resize(struct mk_profile_out *out, const struct mk_profile_block *block,
                       struct mk_profile_block *to) {
    struct mk_alloctrace_event event = event_of(out, block->owner, MK_AT_REALLOC);
    event.taken = block->name;
    event.taken_crosses = block->crosses;
    give_name_back(out, block);
    take_name(out, to);
    event.given = to->name;
    event.given_crosses = to->crosses;
    event.size = to->bytes;
    add(out, &event);
    count_out(out, block->bytes);
    count_in(out, to->bytes);
}

/* ---- a whole trace --------------------------------------------------------------------------- */

static uint32_t count_threads(const struct mk_allocprofile *profile) {
    uint32_t threads = 0;
    for (size_t i = 0; i < profile->threads_n; i++) threads += profile->threads[i].threads;
    return threads ? threads : 1;
}

static int judge(const struct mk_profile_out *out, struct mk_err *err) {
    if (!out->too_much) return 0;
    if (out->made.peak_live_bytes > MK_PROFILE_BYTES_MAX) {
        return mk_fail(err,
                       "more than %" PRIu64
                       " GiB would be live at a time, which is the limit: give smaller \"bytes\", "
                       "shorter \"lives\" or fewer events",
                       MK_PROFILE_BYTES_MAX >> 30);
    }
    if (out->crowded) {
        return mk_fail(err, "more than %u threads would be there at a time, which is the limit: give fewer, or a "
                            "shorter \"life_frac\"", AT_ONCE_MAX);
    }
    return mk_fail(err, "it would have more than %" PRIu64 " events, which is the limit: ask for fewer",
                   EVENTS_OVER * MK_PROFILE_EVENTS_MAX);
}

int mk_allocprofile_generate(const struct mk_allocprofile *profile, uint64_t seed, uint64_t events, FILE *file,
                             struct mk_allocprofile_made *made, struct mk_err *err) {
    const struct mk_alloctrace_tally nothing = {0};
    uint32_t threads = count_threads(profile);
    struct mk_profile_out out = {.slots = mk_need(threads, sizeof *out.slots)};
    struct mk_err later;
    if (!events) events = profile->events;
    memset(made, 0, sizeof *made);
    char *command =
        mk_need_format("memkit-bench trace generate --seed %" PRIu64 " --events %" PRIu64, seed, events);
    struct mk_alloctrace_origin origin = {
        .program = profile->name, .command = command, .tool = (char *)"memkit-bench trace generate"};
    if (profile->allocations_per_s > 0) out.ns_of_one = 1e9 / profile->allocations_per_s;
    mk_rng_seed(&out.rng, mk_seed(seed, MK_SEED_ALL, MK_SEED_ALL, MK_SEED_ALL));
    mk_alloctrace_begin(&out.writer, file, &origin);
    int failed = 0;
    if (events > MK_PROFILE_EVENTS_MAX) {
        failed = mk_fail(err, "%" PRIu64 " events are too many: ask for at most %" PRIu64, events,
                         MK_PROFILE_EVENTS_MAX);
    } else if (profile->pattern == MK_PROFILE_DRAWN) {
        failed = mk_profile_make_drawn(&out, profile, events, threads, err);
    } else {
        failed = mk_profile_make_pattern(&out, profile, events, threads, err);
    }
    if (!failed) failed = judge(&out, err);
    if (mk_alloctrace_end(&out.writer, &nothing, failed ? &later : err)) failed = -1;
    *made = out.made;
    made->events = out.writer.events;
    made->threads = out.begun;
    for (uint32_t t = 0; t < threads; t++) free(out.slots[t].free);
    free(out.slots);
    free(command);
    return failed;
}

int mk_allocprofile_bytes(const struct mk_allocprofile *profile, uint64_t seed, uint64_t events, char **bytes,
                          size_t *n, struct mk_allocprofile_made *made, struct mk_err *err) {
    *bytes = NULL;
    *n = 0;
    FILE *out = open_memstream(bytes, n);
    if (!out) return mk_fail(err, "there is no memory for a trace");
    int failed = mk_allocprofile_generate(profile, seed, events, out, made, err);
    if (fclose(out) && !failed) failed = mk_fail(err, "there is no memory for a trace");
    return failed;
}

int mk_allocprofile_open(struct mk_alloctrace *trace, const char *path, uint64_t seed, uint64_t events,
                         char **bytes, struct mk_err *err) {
    struct mk_allocprofile profile;
    struct mk_allocprofile_made made;
    struct mk_text said = {0};
    struct mk_err why;
    size_t n;
    *bytes = NULL;
    if (mk_allocprofile_read(path, &profile, &said)) {
        mk_fail(err, "profile %.*s", (int)strcspn(said.at, "\n"), said.at);
        mk_text_free(&said);
        return -1;
    }
    int failed = mk_allocprofile_bytes(&profile, seed, events, bytes, &n, &made, &why);
    if (!failed) {
        failed = mk_alloctrace_open_bytes(trace, *bytes, n, false, &why);
        if (failed) mk_alloctrace_close(trace);
    }
    if (failed) {
        mk_fail(err, "profile %s: %s", path, why.text);
        free(*bytes);
        *bytes = NULL;
    }
    mk_allocprofile_free(&profile);
    return failed;
}
