/* test_garbage.c - what a reader that stands still writes down of the garbage beside it. */
#include "../harness/garbage.h"

#include "test.h"

static uint64_t waiting; /* what the structure of these tests says */

static size_t stats(void *self, struct mk_stat *out, size_t room) {
    const struct mk_stat all[] = {{"other", 7},
                                  {"unreclaimed", waiting},
                                  {"peak_unreclaimed", 900},
                                  {"peak_unreclaimed_bytes", 28800},
                                  {"unreclaimed_bytes", 32 * waiting}};
    size_t n = sizeof all / sizeof *all;
    (void)self;
    memcpy(out, all, (room < n ? room : n) * sizeof *all);
    return n;
}

static size_t other_stats(void *self, struct mk_stat *out, size_t room) {
    (void)self;
    if (room) out[0] = (struct mk_stat){"restarts", 3};
    return 1;
}

TEST(figures_are_found_by_their_names) {
    struct mk_impl impl = {.stats = stats};
    struct mk_garbage garbage;
    waiting = 5;
    mk_garbage_read(&impl, NULL, &garbage);
    CHECK_EQ(garbage.nodes, 5);
    CHECK_EQ(garbage.bytes, 160);
    CHECK_EQ(garbage.peak_nodes, 900);
    CHECK_EQ(garbage.peak_bytes, 28800);
}

TEST(what_is_not_said_is_unknown_and_not_looked_at) {
    struct mk_impl silent = {.stats = NULL}, other = {.stats = other_stats};
    struct mk_garbage garbage;
    struct mk_garbage_sample sample = {0};
    mk_garbage_read(&silent, NULL, &garbage);
    CHECK_EQ(garbage.nodes, UINT64_MAX);
    CHECK_EQ(garbage.peak_bytes, UINT64_MAX);
    mk_garbage_read(&other, NULL, &garbage);
    CHECK_EQ(garbage.nodes, UINT64_MAX);
    mk_garbage_look(&sample, &other, NULL, 1000);
    CHECK_EQ(sample.at_ns_n, 0);
    mk_record_free(&mk_garbage_sample_record, &sample);
}

/* However long the phase: in order, evenly apart, from its beginning to its end. */
TEST(a_series_has_a_bound_and_covers_all_of_the_time) {
    struct mk_impl impl = {.stats = stats};
    struct mk_garbage_sample sample = {0};
    const uint64_t looks = 5000;
    for (uint64_t i = 0; i < looks; i++) {
        waiting = i;
        mk_garbage_look(&sample, &impl, NULL, i * MK_GARBAGE_EVERY_NS);
        CHECK(sample.at_ns_n <= MK_GARBAGE_LOOKS);
    }
    CHECK_EQ(sample.nodes_n, sample.at_ns_n);
    CHECK_EQ(sample.bytes_n, sample.at_ns_n);
    CHECK(sample.at_ns_n > MK_GARBAGE_LOOKS / 4);
    CHECK_EQ(sample.at_ns[0], 0);
    CHECK(sample.at_ns[sample.at_ns_n - 1] + 2 * sample.every_ns >= (looks - 1) * MK_GARBAGE_EVERY_NS);
    for (size_t i = 0; i < sample.at_ns_n; i++) {
        CHECK_EQ(sample.nodes[i], sample.at_ns[i] / MK_GARBAGE_EVERY_NS); /* what was said at that look */
        CHECK_EQ(sample.bytes[i], 32 * sample.nodes[i]);
        if (i) CHECK(sample.at_ns[i] - sample.at_ns[i - 1] <= sample.every_ns);
        if (i) CHECK(sample.at_ns[i] > sample.at_ns[i - 1]);
    }
    mk_record_free(&mk_garbage_sample_record, &sample);
}

TEST(stretches_are_kept_in_pairs) {
    struct mk_garbage_sample sample = {0};
    mk_garbage_stall(&sample, 10, 20);
    mk_garbage_stall(&sample, 30, 45);
    CHECK_EQ(sample.stall_begin_ns_n, 2);
    CHECK_EQ(sample.stall_end_ns_n, 2);
    CHECK_EQ(sample.stall_begin_ns[1], 30);
    CHECK_EQ(sample.stall_end_ns[1], 45);
    mk_record_free(&mk_garbage_sample_record, &sample);
}
