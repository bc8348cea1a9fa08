/* test_alloc_replay.c - replays of allocations: which words a trace becomes, which recorded threads share a
 * lane, that whatever is wrong with words is found out, and that threads which wait for each other's blocks go
 * on. */
#include "../harness/alloc_replay_run.h"
#include "../harness/record.h"
#include "../harness/registry.h"
#include "../impl/alloc.h"
#include "test.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- traces -------------------------------------------------------------------------------- */

/* A trace in memory, and what a replay makes of it. */
struct made {
    char *bytes;
    size_t n;
    FILE *out;
    struct mk_alloctrace_writer writer;
    struct mk_alloctrace trace;
    struct mk_alloc_replay replay;
    struct mk_words words[16];
};

static void open_made(struct made *made) {
    const struct mk_alloctrace_origin origin = {.program = (char *)"/bin/test", .command = (char *)"test one"};
    memset(made, 0, sizeof *made);
    made->out = open_memstream(&made->bytes, &made->n);
    mk_alloctrace_begin(&made->writer, made->out, &origin);
}

/* Returns 0, or -1 with err set. */
static int end_made(struct made *made, uint64_t most, struct mk_err *err) {
    struct mk_alloctrace_tally whole = {0};
    CHECK_EQ(mk_alloctrace_end(&made->writer, &whole, err), 0);
    fclose(made->out);
    CHECK_EQ(mk_alloctrace_open_bytes(&made->trace, made->bytes, made->n, false, err), 0);
    return mk_alloc_replay_make(&made->replay, made->words, &made->trace, most, err);
}

static void close_made(struct made *made) {
    for (unsigned l = 0; l < 16; l++) free(made->words[l].at);
    mk_alloc_replay_free(&made->replay);
    mk_alloctrace_close(&made->trace);
    free(made->bytes);
}

#define LOCAL(SLOT) .given = (SLOT)
#define CROSSING(NUMBER) .given = (NUMBER), .given_crosses = true
#define OF(SLOT) .taken = (SLOT)
#define OF_CROSSING(NUMBER) .taken = (NUMBER), .taken_crosses = true
#define ADD(MADE, THREAD, CODE, ...)                                                                        \
    mk_alloctrace_add(&(MADE)->writer, &(const struct mk_alloctrace_event){.thread = (THREAD), .code = (CODE), \
                                                                           __VA_ARGS__})

/* ---- instances ------------------------------------------------------------------------------ */

static void open_libc(struct mk_instance *instance, uint32_t threads) {
    static struct mk_plan_point point;
    struct mk_instance_config config = {"alloc/libc", &point, threads, 1, false};
    struct mk_err err = {""};
    CHECK_EQ(mk_registry_open(&err), 0);
    mk_record_preset(&mk_workload_record, &point.workload);
    int failed = mk_instance_open(instance, &config, &err);
    CHECK_STR(err.text, "");
    if (failed) {
        fprintf(stderr, "# %s\n", err.text);
        abort();
    }
    for (uint32_t t = 0; t < threads; t++) CHECK_EQ(mk_instance_enter(instance, t, &err), 0);
    mk_record_free(&mk_workload_record, &point.workload);
}

static void close_libc(struct mk_instance *instance) {
    for (uint32_t t = 0; t < instance->threads; t++) mk_instance_leave(instance, t);
    mk_instance_close(instance);
}

/* Looks at everything. */
static struct mk_alloc_replay_found verify(struct made *made) {
    struct mk_alloc_replay_run *run = mk_alloc_replay_open(&made->replay, MK_TOUCH_PAGES, true);
    struct mk_alloc_replay_watch watch = {NULL, NULL, NULL};
    struct mk_alloc_replay_found found;
    struct mk_instance instance;
    open_libc(&instance, made->replay.lanes);
    mk_alloc_replay_attach(run, &instance);
    mk_alloc_replay_verify(run, made->words, &instance, false, NULL, &watch, &found);
    for (uint32_t l = 0; l < made->replay.lanes; l++) mk_alloc_replay_give_back(run, &instance, l);
    close_libc(&instance);
    mk_alloc_replay_close(run);
    return found;
}

/* ---- words --------------------------------------------------------------------------------- */

static void make_mixed(struct made *made) {
    open_made(made);
    ADD(made, 0, MK_AT_MALLOC, LOCAL(0), .size = 100);
    ADD(made, 0, MK_AT_CALLOC, CROSSING(0), .size = 24);
    ADD(made, 1, MK_AT_ALIGNED, LOCAL(0), .size = 5000, .align_log2 = 12);
    ADD(made, 1, MK_AT_REALLOC_MOVED, OF_CROSSING(0), LOCAL(1), .size = 48);
    ADD(made, 0, MK_AT_REALLOC, OF(0), CROSSING(1), .size = 70000);
    ADD(made, 0, MK_AT_MALLOC_FAILED, .size = UINT64_MAX);
    ADD(made, 1, MK_AT_FREE, OF(0));
    ADD(made, 1, MK_AT_FREE, OF_CROSSING(1));
    ADD(made, 0, MK_AT_MALLOC, LOCAL(0), .size = 0);
    ADD(made, 0, MK_AT_MALLOC, LOCAL(1), .size = 7);
    ADD(made, 0, MK_AT_REALLOC_MOVED, OF(0), LOCAL(0), .size = 3);
    ADD(made, 0, MK_AT_FREE, OF(1));
}

TEST(a_trace_becomes_a_word_an_event) {
    struct made made;
    struct mk_err err = {""};
    make_mixed(&made);
    CHECK_EQ(end_made(&made, 0, &err), 0);
    CHECK_STR(err.text, "");
    CHECK(made.replay.lanes == 2 && made.replay.crossing == 2);
    CHECK(made.words[0].n == 7 && made.words[1].n == 4); /* what failed is left out */
    const uint64_t *word = made.words[0].at;
    CHECK_EQ(word[0], MK_REPLAY_PACK(MK_ALLOC_ALLOC, 0, 100));
    CHECK_EQ(word[1], MK_REPLAY_PACK(MK_ALLOC_ZALLOC, 0, 24) | MK_REPLAY_CROSSES);
    CHECK(MK_CODE(word[2]) == MK_ALLOC_RESIZE && (word[2] & MK_REPLAY_WIDE));
    CHECK_EQ(word[3], MK_REPLAY_PACK(MK_ALLOC_ALLOC, 0, 1)); /* no block has 0 bytes */
    CHECK_EQ(word[5], MK_REPLAY_PACK(MK_ALLOC_RESIZE, 0, 3));
    CHECK_EQ(word[6], MK_REPLAY_PACK(MK_ALLOC_FREE, 1, 0));
    const struct mk_replay_wide *aligned = &made.replay.lane[1].wide[0];
    CHECK(MK_REPLAY_FORM_ALIGN(aligned->form) == 4096 && MK_REPLAY_FORM_BYTES(aligned->form) == 5000);
    CHECK(made.replay.lane[0].bytes == 100 + 24 + 70000 + 1 + 7 + 3 && made.replay.lane[1].bytes == 5000 + 48);
    struct mk_alloc_replay_found found = verify(&made);
    CHECK_STR(found.fault, "");
    CHECK(found.events == 11 && found.planned == 11 && found.refused == 0);
    CHECK(found.peak_bytes > 70000 && found.peak_bytes <= 70000 + 5000 + 48 + 24 + 8);
    close_made(&made);
}

TEST(a_block_is_the_largest_that_fits_or_has_an_entry_of_its_own) {
    struct made made;
    struct mk_err err = {""};
    open_made(&made);
    ADD(&made, 0, MK_AT_MALLOC, LOCAL(0), .size = MK_REPLAY_BYTES_MAX);
    ADD(&made, 0, MK_AT_MALLOC, LOCAL(1), .size = (uint64_t)MK_REPLAY_BYTES_MAX + 1);
    ADD(&made, 0, MK_AT_ALIGNED, LOCAL(2), .size = 10, .align_log2 = 3);  /* malloc gives that anyway */
    ADD(&made, 0, MK_AT_ALIGNED, LOCAL(3), .size = 10, .align_log2 = 21); /* a page is the most */
    CHECK_EQ(end_made(&made, 0, &err), 0);
    CHECK_EQ(made.replay.lane[0].wide_n, 2);
    CHECK_EQ(MK_REPLAY_FORM_BYTES(made.replay.lane[0].wide[0].form), (uint64_t)1 << 30);
    CHECK_EQ(MK_REPLAY_FORM_ALIGN(made.replay.lane[0].wide[1].form), 4096);
    CHECK(!(made.words[0].at[0] & MK_REPLAY_MARKS) && !(made.words[0].at[2] & MK_REPLAY_MARKS));
    close_made(&made);
}

/* ---- threads ------------------------------------------------------------------------------- */

TEST(threads_that_never_met_share_a_lane) {
    struct made made;
    struct mk_err err = {""};
    open_made(&made);
    ADD(&made, 0, MK_AT_MALLOC, LOCAL(0), .size = 10);
    for (uint32_t t = 1; t <= 6; t += 2) { /* two at a time, beside the first */
        ADD(&made, t, MK_AT_MALLOC, LOCAL(0), .size = 10 + t);
        ADD(&made, t + 1, MK_AT_MALLOC, CROSSING(t / 2), .size = 20 + t);
        ADD(&made, t, MK_AT_THREAD_EXIT, .size = 0); /* and leaves its block behind */
        ADD(&made, t + 1, MK_AT_THREAD_EXIT, .size = 0);
        ADD(&made, 0, MK_AT_FREE, OF_CROSSING(t / 2));
    }
    ADD(&made, 7, MK_AT_THREAD_EXIT, .size = 0); /* asks for nothing */
    CHECK_EQ(end_made(&made, 0, &err), 0);
    CHECK_EQ(made.replay.lanes, 3);
    CHECK(made.replay.lane[0].lives == 1 && made.replay.lane[1].lives == 3 && made.replay.lane[2].lives == 3);
    uint64_t slots = made.replay.lane[0].slots + made.replay.lane[1].slots + made.replay.lane[2].slots;
    CHECK_EQ(slots, 1 + 3); /* what is left behind keeps its slot */
    struct mk_alloc_replay_found found = verify(&made);
    CHECK_STR(found.fault, "");
    CHECK_EQ(found.events, 10);
    close_made(&made);
}

TEST(an_early_end_leaves_nobody_waiting) {
    for (uint64_t most = 1; most < 9; most++) {
        struct made made;
        struct mk_err err = {""};
        make_mixed(&made);
        CHECK_EQ(end_made(&made, most, &err), 0);
        CHECK(made.words[0].n <= most && made.words[1].n <= most);
        CHECK(made.words[0].n == most || made.words[1].n == most || most > 7);
        struct mk_alloc_replay_found found = verify(&made);
        CHECK_STR(found.fault, "");
        CHECK_EQ(found.events, made.words[0].n + made.words[1].n);
        close_made(&made);
    }
}

/* ---- what is wrong is found out -------------------------------------------------------------- */

/* The words of a trace in which each of two threads frees what the other one allocates. */
static void make_crossing(struct made *made) {
    open_made(made);
    for (uint64_t i = 0; i < 100; i++) {
        ADD(made, 0, MK_AT_MALLOC, CROSSING(2 * i), .size = 10 + i);
        ADD(made, 1, MK_AT_MALLOC, CROSSING(2 * i + 1), .size = 1000 + i);
        ADD(made, 1, MK_AT_FREE, OF_CROSSING(2 * i));
        ADD(made, 0, MK_AT_FREE, OF_CROSSING(2 * i + 1));
    }
}

static void spoil(struct made *made, uint32_t lane, size_t i, uint64_t with, const char *said) {
    uint64_t kept = made->words[lane].at[i];
    made->words[lane].at[i] = with;
    struct mk_alloc_replay_found found = verify(made);
    CHECK(strstr(found.fault, said) != NULL);
    if (!strstr(found.fault, said)) fprintf(stderr, "# \"%s\", not \"%s\"\n", found.fault, said);
    made->words[lane].at[i] = kept;
}

TEST(wrong_words_are_found_out) {
    struct made made;
    struct mk_err err = {""};
    make_crossing(&made);
    CHECK_EQ(end_made(&made, 0, &err), 0);
    CHECK_STR(verify(&made).fault, "");
    CHECK_EQ(MK_CODE(made.words[1].at[101]), MK_ALLOC_FREE);
    /* the wait is gone; another object; one that its own thread allocates later; a size */
    spoil(&made, 1, 101, MK_REPLAY_PACK(MK_ALLOC_FREE, 0, 0), "the block that it takes is not there");
    spoil(&made, 1, 101, MK_REPLAY_PACK(MK_ALLOC_FREE, 0, 0) | MK_REPLAY_CROSSES, "nobody allocates");
    spoil(&made, 1, 101, MK_REPLAY_PACK(MK_ALLOC_FREE, 199, 0) | MK_REPLAY_CROSSES, "nobody allocates");
    spoil(&made, 1, 100, made.words[1].at[100] + ((uint64_t)1 << 34), "thread 1 asks for other sizes");
    CHECK_STR(verify(&made).fault, "");
    close_made(&made);
}

TEST(a_slot_that_is_empty_is_found_out) {
    struct made made;
    struct mk_err err = {""};
    open_made(&made);
    ADD(&made, 0, MK_AT_MALLOC, LOCAL(0), .size = 10);
    ADD(&made, 0, MK_AT_FREE, OF(0));
    CHECK_EQ(end_made(&made, 0, &err), 0);
    uint64_t kept = made.words[0].at[0];
    made.words[0].at[0] = made.words[0].at[1];
    made.words[0].at[1] = kept;
    CHECK(strstr(verify(&made).fault, "the block that it takes is not there") != NULL);
    close_made(&made);
}

static int make_broken(uint32_t thread, uint32_t code, uint64_t taken, uint64_t given, bool crosses) {
    struct made made;
    struct mk_err err = {""};
    open_made(&made);
    ADD(&made, 0, MK_AT_MALLOC, LOCAL(0), .size = 10);
    ADD(&made, 0, MK_AT_MALLOC, CROSSING(0), .size = 10);
    ADD(&made, thread, code, .taken = taken, .taken_crosses = crosses && mk_alloctrace_takes(code), .given = given,
        .given_crosses = crosses && !mk_alloctrace_takes(code), .size = 5);
    int failed = end_made(&made, 0, &err);
    CHECK_EQ(failed != 0, strstr(err.text, "trace verify") != NULL);
    close_made(&made);
    return failed;
}

TEST(events_that_cannot_be_are_refused) {
    CHECK_EQ(make_broken(0, MK_AT_FREE, 0, 0, false), 0);
    CHECK_EQ(make_broken(1, MK_AT_FREE, 0, 0, true), 0);
    CHECK_EQ(make_broken(0, MK_AT_FREE, 1, 0, false), -1);
    CHECK_EQ(make_broken(1, MK_AT_FREE, 0, 0, false), -1);
    CHECK_EQ(make_broken(1, MK_AT_FREE, 1, 0, true), -1);
    CHECK_EQ(make_broken(1, MK_AT_FREE, UINT64_MAX, 0, true), -1);
    CHECK_EQ(make_broken(0, MK_AT_MALLOC, 0, 0, false), -1);
    CHECK_EQ(make_broken(0, MK_AT_MALLOC, 0, 2, false), -1);
    CHECK_EQ(make_broken(0, MK_AT_MALLOC, 0, UINT64_MAX, false), -1);
    CHECK_EQ(make_broken(0, MK_AT_MALLOC, 0, 7, true), -1);
}

/* ---- at the same time ----------------------------------------------------------------------- */

struct player {
    struct made *made;
    struct mk_instance *instance;
    uint32_t lane;
    struct mk_tally tally;
};

static void *play(void *arg) {
    struct player *player = arg;
    const struct mk_words *words = &player->made->words[player->lane];
    struct mk_instance *instance = player->instance;
    instance->impl->batch_of[MK_ALLOC_REPLAY](mk_instance_self(instance, player->lane), &instance->me[player->lane],
                                              words->at, words->n, &player->tally);
    return NULL;
}

/* Returns how many events have been carried out, by a thread a lane. */
static uint64_t play_all(struct made *made, struct mk_alloc_replay_run *run) {
    struct mk_instance instance;
    struct player player[16] = {{0}};
    pthread_t id[16];
    uint64_t done = 0;
    open_libc(&instance, made->replay.lanes);
    mk_alloc_replay_attach(run, &instance);
    for (uint32_t l = 0; l < made->replay.lanes; l++) {
        player[l] = (struct player){made, &instance, l, {{0}, 0, 0}};
        CHECK_EQ(pthread_create(&id[l], NULL, play, &player[l]), 0);
    }
    for (uint32_t l = 0; l < made->replay.lanes; l++) {
        pthread_join(id[l], NULL);
        for (unsigned code = 0; code < MK_OPS_MAX; code++) done += player[l].tally.hits[code];
        CHECK_EQ(player[l].tally.failed, 0);
    }
    for (uint32_t l = 0; l < made->replay.lanes; l++) mk_alloc_replay_give_back(run, &instance, l);
    close_libc(&instance);
    return done;
}

/* A ring of threads, each of which resizes what it gets from the one before and hands it on. */
static void make_ring(struct made *made, uint32_t threads, uint64_t rounds) {
    open_made(made);
    ADD(made, 0, MK_AT_MALLOC, CROSSING(0), .size = 16);
    for (uint64_t i = 1; i <= rounds * threads; i++) {
        ADD(made, (uint32_t)(i % threads), MK_AT_REALLOC, OF_CROSSING(i - 1), CROSSING(i), .size = 16 + i % 300);
    }
    ADD(made, 1, MK_AT_FREE, OF_CROSSING(rounds * threads));
}

TEST(threads_hand_blocks_round_and_all_come_to_their_end) {
    struct made made;
    struct mk_err err = {""};
    make_ring(&made, 7, 50);
    CHECK_EQ(end_made(&made, 0, &err), 0);
    CHECK_EQ(made.replay.lanes, 7);
    struct mk_alloc_replay_run *run = mk_alloc_replay_open(&made.replay, MK_TOUCH_LINES, false);
    CHECK_EQ(play_all(&made, run), 1 + 7 * 50 + 1);
    uint64_t bytes = 0;
    for (uint32_t l = 0; l < 7; l++) {
        CHECK_EQ(mk_alloc_replay_bytes(run, l), made.replay.lane[l].bytes);
        bytes += made.replay.lane[l].bytes;
    }
    CHECK(bytes > 7 * 50 * 16);
    mk_alloc_replay_close(run);
    close_made(&made);
}

TEST(nobody_waits_for_one_who_could_not_go_on) {
    struct made made;
    struct mk_err err = {""};
    make_ring(&made, 3, 4);
    CHECK_EQ(end_made(&made, 0, &err), 0);
    struct mk_alloc_replay_run *run = mk_alloc_replay_open(&made.replay, MK_TOUCH_NONE, false);
    made.words[1].n = 0; /* it does not begin */
    mk_alloc_replay_abandon(run);
    CHECK(play_all(&made, run) <= 2);
    mk_alloc_replay_close(run);
    close_made(&made);
}
