/* test_wire.c - what is sent is what arrives, and what is broken is refused. */
#include <stdlib.h>
#include <unistd.h>

#include "../harness/plan.h"
#include "../harness/rng.h"
#include "../harness/sample.h"
#include "../harness/wire.h"
#include "test.h"

static void fill_round(struct mk_round_sample *round) {
    static const uint64_t numbers[] = {0, 1, UINT64_MAX, 1u << 31, 42};
    memset(round, 0, sizeof *round);
    round->cell = 7;
    round->count_before = UINT64_MAX;
    round->latency_probe_ns = 24.5;
    round->threads = mk_need(3, sizeof *round->threads);
    round->threads_n = 3;
    for (size_t t = 0; t < 3; t++) {
        struct mk_thread_sample *thread = &round->threads[t];
        thread->thread = (uint32_t)t;
        thread->pinned = t == 1;
        thread->ops = UINT64_MAX - t;
        thread->hits = mk_need(5, 8);
        thread->hits_n = 5;
        memcpy(thread->hits, numbers, sizeof numbers);
    }
    struct mk_counter_sample *counter = mk_grow(&round->counters, &round->counters_n, sizeof *counter);
    counter->name = mk_need_text("l1d_miss");
    counter->unavailable = mk_need_text("");
}

TEST(a_sample_arrives_as_it_was_sent) {
    struct mk_round_sample sent, got;
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct mk_err err;
    fill_round(&sent);
    mk_wire_encode(&mk_round_sample_record, &sent, &bytes, &n);
    CHECK_EQ(mk_wire_decode(&mk_round_sample_record, bytes, n, &got, &err), 0);
    CHECK(mk_record_equal(&mk_round_sample_record, &sent, &got));
    CHECK(got.counters[0].event == NULL); /* nothing and an empty text differ */
    CHECK_STR(got.counters[0].unavailable, "");
    mk_record_free(&mk_round_sample_record, &got);
    mk_record_free(&mk_round_sample_record, &sent);
    free(bytes);
}

TEST(no_part_of_a_frame_is_taken_for_a_whole_one) {
    struct mk_round_sample sent, got;
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct mk_err err;
    fill_round(&sent);
    mk_wire_encode(&mk_round_sample_record, &sent, &bytes, &n);
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *part = malloc(cut + 1); /* of its own, so that reading past it is seen */
        memcpy(part, bytes, cut);
        CHECK_EQ(mk_wire_decode(&mk_round_sample_record, part, cut, &got, &err), -1);
        free(part);
    }
    bytes = mk_need_more(bytes, n + 1, 1);
    bytes[n] = 0;
    CHECK_EQ(mk_wire_decode(&mk_round_sample_record, bytes, n + 1, &got, &err), -1);
    CHECK(strstr(err.text, "left over") != NULL);
    mk_record_free(&mk_round_sample_record, &sent);
    free(bytes);
}

TEST(damaged_frames_are_refused_or_harmless) {
    struct mk_round_sample sent, got;
    unsigned char *bytes = NULL;
    size_t n = 0, refused = 0;
    struct mk_err err;
    struct mk_rng rng;
    fill_round(&sent);
    mk_wire_encode(&mk_round_sample_record, &sent, &bytes, &n);
    mk_rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        unsigned char *damaged = malloc(n);
        memcpy(damaged, bytes, n);
        for (uint64_t k = 1 + mk_rng_below(&rng, 4); k > 0; k--) {
            damaged[mk_rng_below(&rng, n)] = (unsigned char)mk_rng_next(&rng);
        }
        if (mk_wire_decode(&mk_round_sample_record, damaged, n, &got, &err)) {
            refused++;
        } else {
            mk_record_free(&mk_round_sample_record, &got);
        }
        free(damaged);
    }
    CHECK(refused > 2000);
    mk_record_free(&mk_round_sample_record, &sent);
    free(bytes);
}

TEST(frames_come_out_of_a_pipe_in_order) {
    int fd[2];
    struct mk_err err;
    struct mk_hello hello = {UINT64_MAX, 2, 3, 4};
    struct mk_progress_note note = {4, 5, (char *)"run", 0.25};
    CHECK_EQ(pipe(fd), 0);
    CHECK_EQ(mk_wire_send(fd[1], MK_FRAME_HELLO, &hello, &err), 0);
    CHECK_EQ(mk_wire_send(fd[1], MK_FRAME_PROGRESS, &note, &err), 0);
    CHECK_EQ(mk_wire_send(fd[1], MK_FRAME_DONE, NULL, &err), 0);
    close(fd[1]);
    struct mk_wire_in in = {fd[0], NULL, 0, 0};
    uint32_t type, types[3] = {99, 99, 99};
    void *obj;
    size_t seen = 0;
    while (mk_wire_fill(&in, &err) > 0) {
    }
    while (mk_wire_next(&in, &type, &obj, &err) == 1 && seen < 3) {
        types[seen++] = type;
        if (type == MK_FRAME_HELLO) CHECK(mk_record_equal(&mk_hello_record, obj, &hello));
        if (type == MK_FRAME_PROGRESS) CHECK_STR(((struct mk_progress_note *)obj)->stage, "run");
        if (obj) mk_record_free(mk_frame_record(type), obj);
        free(obj);
    }
    CHECK_EQ(seen, 3);
    CHECK(types[0] == MK_FRAME_HELLO && types[1] == MK_FRAME_PROGRESS && types[2] == MK_FRAME_DONE);
    mk_wire_in_free(&in);
    close(fd[0]);
}

TEST(what_is_no_frame_is_said_to_be_none) {
    int fd[2];
    struct mk_err err;
    struct mk_wire_in in = {0};
    uint32_t type;
    void *obj;
    CHECK_EQ(pipe(fd), 0);
    CHECK(write(fd[1], "Segmentation fault, and other words", 35) == 35);
    in.fd = fd[0];
    CHECK_EQ(mk_wire_fill(&in, &err), 1);
    CHECK_EQ(mk_wire_next(&in, &type, &obj, &err), -1);
    CHECK(strstr(err.text, "no frame") != NULL);
    mk_wire_in_free(&in);
    close(fd[0]);
    close(fd[1]);
}
