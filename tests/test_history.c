/* test_history.c - stamps: nothing that happened before is stamped later, whatever the clock; and what is recorded.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "../harness/check/linear.h"
#include "../impl/order.h"
#include "../impl/reclaim.h"
#include "test.h"

#if defined(MK_TSAN) || defined(__SANITIZE_ADDRESS__)
#define TURNS 2000
#else
#define TURNS 10000
#endif

/* Puts a thread onto one PU, the first or the last of those it may use; or nowhere in particular. */
enum place { FIRST, LAST, ANYWHERE };

static void go_to(enum place place) {
    cpu_set_t home, one;
    if (place == ANYWHERE || sched_getaffinity(0, sizeof home, &home)) return;
    int found = -1;
    for (int pu = 0; pu < CPU_SETSIZE; pu++) {
        if (CPU_ISSET(pu, &home) && (found < 0 || place == LAST)) found = pu;
    }
    CPU_ZERO(&one);
    CPU_SET(found, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* Two threads that work in turns or side by side. */
struct two {
    struct mk_stamps stamps;
    void *(*body[2])(void *of);
    struct one {
        struct two *two;
        unsigned index;
        enum place place;
    } one[2];
    _Atomic(uint64_t) turn; /* whose it is: even, odd */
    uint64_t stamp;         /* taken by the one whose turn it was */
    uint64_t late;          /* stamps that were before one that was taken earlier */
    struct flag {
        _Atomic(uint32_t) up MK_ALIGNED(MK_CACHE_LINE);
    } *flag[2];       /* by thread: its own ... */
    uint32_t *saw[2]; /* ... and what it saw of the other's */
};

static void *start(void *arg) {
    struct one *one = arg;
    go_to(one->place);
    one->two->body[one->index](one);
    return NULL;
}

static void run_two(struct two *two, enum place first, enum place second) {
    pthread_t thread[2];
    atomic_store(&two->turn, 0);
    for (unsigned i = 0; i < 2; i++) {
        two->one[i] = (struct one){two, i, i ? second : first};
        pthread_create(&thread[i], NULL, start, &two->one[i]);
    }
    for (unsigned i = 0; i < 2; i++) pthread_join(thread[i], NULL);
}

/* ---- the clock ------------------------------------------------------------------------------- */

static void *take_turns(void *of) {
    struct one *one = of;
    struct two *two = one->two;
    for (uint64_t turn = one->index; turn < TURNS; turn += 2) {
        unsigned spins = 0;
        while (atomic_load_explicit(&two->turn, memory_order_acquire) != turn) mk_backoff(&spins);
        uint64_t now = mk_stamp(&two->stamps);
        two->late += now + two->stamps.slack < two->stamp;
        two->stamp = mk_stamp(&two->stamps);
        two->late += two->stamp < now && (one->place != ANYWHERE || two->stamps.logical);
        atomic_store_explicit(&two->turn, turn + 1, memory_order_release);
    }
    return NULL;
}

static void check_turns(bool logical, enum place first, enum place second) {
    struct two two = {.body = {take_turns, take_turns}};
    mk_stamps_open(&two.stamps, logical);
    run_two(&two, first, second);
    CHECK_EQ(two.late, 0);
    CHECK(two.stamp > 0);
    if (two.stamps.logical) CHECK_EQ(two.stamp, 2 * TURNS - 1);
}

TEST(a_message_is_received_no_earlier_than_it_was_sent) {
    check_turns(false, FIRST, LAST);
    check_turns(false, LAST, FIRST);
    check_turns(false, FIRST, FIRST);
    check_turns(false, ANYWHERE, ANYWHERE);
}

TEST(the_shared_counter_counts) {
    check_turns(true, FIRST, LAST);
    check_turns(true, ANYWHERE, ANYWHERE);
}

TEST(a_clock_says_why_it_is_not_trusted) {
    struct mk_stamps stamps, again, asked;
    mk_stamps_open(&stamps, false);
    mk_stamps_open(&again, false);
    mk_stamps_open(&asked, true);
    CHECK_EQ(stamps.logical, stamps.why != NULL);
    CHECK_EQ(stamps.logical, again.logical);
    CHECK_EQ(stamps.slack, again.slack);
    if (stamps.logical) CHECK_EQ(stamps.slack, 0);
    CHECK(asked.logical);
    CHECK_EQ(asked.slack, 0);
    CHECK_STR(asked.why, "the shared counter was asked for");
}

TEST(the_thread_that_opens_stays_where_it_may_go) {
    struct mk_stamps stamps;
    cpu_set_t before, after;
    CHECK_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    mk_stamps_open(&stamps, false);
    CHECK_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    CHECK(CPU_EQUAL(&before, &after));
}

/* ---- the fence ------------------------------------------------------------------------------- */

#define CHUNK 32u /* flags between two meetings */

/* Puts up its flags and looks for those of the other one, a stamp in between. Without a fence both may look before
 * either store has left its PU. */
static void *show_and_look(void *of) {
    struct one *one = of;
    struct two *two = one->two;
    for (uint32_t i = 0; i < TURNS; i++) {
        if (i % CHUNK == 0) {
            uint64_t all = 2 * (i / CHUNK + 1);
            unsigned spins = 0;
            atomic_fetch_add_explicit(&two->turn, 1, memory_order_relaxed);
            while (atomic_load_explicit(&two->turn, memory_order_relaxed) < all) mk_backoff(&spins);
        }
        atomic_store_explicit(&two->flag[one->index][i].up, 1, memory_order_relaxed);
        mk_stamp(&two->stamps);
        two->saw[one->index][i] = atomic_load_explicit(&two->flag[!one->index][i].up, memory_order_relaxed);
    }
    return NULL;
}

static void check_fence(bool logical) {
    struct two two = {.body = {show_and_look, show_and_look}};
    uint32_t neither = 0;
    mk_stamps_open(&two.stamps, logical);
    for (unsigned i = 0; i < 2; i++) {
        two.flag[i] = aligned_alloc(MK_CACHE_LINE, TURNS * sizeof *two.flag[i]);
        memset(two.flag[i], 0, TURNS * sizeof *two.flag[i]);
        two.saw[i] = calloc(TURNS, sizeof *two.saw[i]);
    }
    run_two(&two, FIRST, LAST);
    for (uint32_t i = 0; i < TURNS; i++) neither += !two.saw[0][i] && !two.saw[1][i];
    CHECK_EQ(neither, 0);
    for (unsigned i = 0; i < 2; i++) {
        free(two.flag[i]);
        free(two.saw[i]);
    }
}

TEST(what_was_stored_before_a_stamp_is_seen_after_a_later_one) {
    check_fence(false);
    check_fence(true);
}

/* ---- records --------------------------------------------------------------------------------- */

TEST(events_are_kept_as_they_were) {
    struct mk_stamps stamps = {.slack = 17};
    struct mk_history history;
    const struct mk_op op = {.code = 3, .key = UINT64_MAX, .value = 5};
    const struct mk_result result = {MK_TORN, 6, 7};
    mk_history_open(&history, 3, 100, &stamps);
    CHECK_EQ(history.threads, 3);
    CHECK_EQ(history.slack, 17);
    for (unsigned i = 0; i < 100; i++) mk_history_record(&history.thread[2], i, i + 1, 2, &op, &result);
    CHECK_EQ(history.thread[0].n, 0);
    CHECK_EQ(history.thread[2].n, 100);
    CHECK_EQ((uintptr_t)history.thread[2].at % MK_CACHE_LINE, 0);
    const struct mk_event *event = &history.thread[2].at[99];
    CHECK_EQ(event->call, 99);
    CHECK_EQ(event->ret, 100);
    CHECK(event->key == UINT64_MAX);
    CHECK_EQ(event->value, 5);
    CHECK_EQ(event->seen, 6);
    CHECK_EQ(event->previous, 7);
    CHECK_EQ(event->thread, 2);
    CHECK_EQ(event->code, 3);
    CHECK_EQ(event->status, MK_TORN);
    mk_history_clear(&history);
    CHECK_EQ(history.thread[2].n, 0);
    CHECK_EQ(history.thread[2].room, 100);
    mk_history_close(&history);
}

/* ---- what really happens --------------------------------------------------------------------- */

#define PLAYERS 3
#define CELLS 2

/* Threads that exchange words, as cells are that name nodes. */
struct play {
    struct mk_stamps stamps;
    struct mk_history history;
    _Atomic(uint64_t) word[CELLS];
    struct player {
        struct play *play;
        uint32_t index;
    } player[PLAYERS];
};

static void *exchange(void *of) {
    struct player *player = of;
    struct play *play = player->play;
    uint64_t call = mk_stamp(&play->stamps);
    for (uint64_t i = 1; i <= TURNS; i++) {
        struct mk_op op = {.code = i % 3 ? MK_RECLAIM_REPLACE : MK_RECLAIM_READ, .key = i / 3 % CELLS};
        struct mk_result result = {MK_HIT, 0, 0};
        if (op.code == MK_RECLAIM_REPLACE) {
            op.value = i * PLAYERS + player->index;
            result.previous = atomic_exchange_explicit(&play->word[op.key], op.value, memory_order_relaxed);
            if (!result.previous) result.status = MK_MISS;
        } else {
            result.value = atomic_load_explicit(&play->word[op.key], memory_order_relaxed);
            if (!result.value) result.status = MK_MISS;
        }
        uint64_t ret = mk_stamp(&play->stamps);
        mk_history_record(&play->history.thread[player->index], call, ret, player->index, &op, &result);
        call = ret;
    }
    return NULL;
}

static void check_play(bool logical) {
    static const struct mk_impl impl = {.name = "words"};
    struct mk_linear_config config = {.model = mk_model_of("reclaim"), .impl = &impl};
    struct mk_linear_report report;
    struct play play = {.history = {0}};
    pthread_t thread[PLAYERS];
    mk_stamps_open(&play.stamps, logical);
    mk_history_open(&play.history, PLAYERS, TURNS, &play.stamps);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        play.player[i] = (struct player){&play, i};
        pthread_create(&thread[i], NULL, exchange, &play.player[i]);
    }
    for (uint32_t i = 0; i < PLAYERS; i++) pthread_join(thread[i], NULL);
    struct mk_parts *parts = mk_parts_open(config.model);
    CHECK_EQ(mk_linear_judge(&play.history, &config, parts, &report), MK_LINEARIZABLE);
    CHECK_EQ(report.parts, CELLS);
    mk_parts_close(parts);

    struct mk_event *event = &play.history.thread[1].at[TURNS / 2];
    event->status = MK_HIT; /* one wrong answer among all of them */
    event->seen = event->previous = UINT64_MAX;
    parts = mk_parts_open(config.model);
    CHECK_EQ(mk_linear_judge(&play.history, &config, parts, &report), MK_NOT_LINEARIZABLE);
    CHECK_EQ(report.violation.part, event->key);
    mk_violation_free(&report.violation);
    mk_parts_close(parts);
    mk_history_close(&play.history);
}

TEST(words_of_the_machine_are_linearizable) {
    check_play(false);
    check_play(true);
}
