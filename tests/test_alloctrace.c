/* test_alloctrace.c - traces of allocations: what is written is read back, in the order of all; files that are
 * cut, changed or wrong are refused with the place; repair; statistics; and captures of the recorder, put
 * together by hand. */
#include "../harness/alloctrace.h"
#include "../harness/alloctrace_form.h"
#include "../harness/record.h"
#include "../preload/trace/raw.h"
#include "child.h"
#include "test.h"

/* ---- events, written and read --------------------------------------------------------------- */

/* A trace in memory. */
struct made {
    char *at;
    size_t n;
    FILE *out;
    struct mk_alloctrace_writer writer;
};

static void open_made(struct made *made) {
    const struct mk_alloctrace_origin origin = {.program = (char *)"/bin/test", .command = (char *)"test one two",
                                                .date = (char *)"2026-01-01T00:00:00Z"};
    made->out = open_memstream(&made->at, &made->n);
    mk_alloctrace_begin(&made->writer, made->out, &origin);
}

static void close_made(struct made *made, struct mk_alloctrace_tally tally) {
    struct mk_err err;
    CHECK_EQ(mk_alloctrace_end(&made->writer, &tally, &err), 0);
    fclose(made->out);
}

#define LOCAL(SLOT) .given = (SLOT)
#define CROSSING(NUMBER) .given = (NUMBER), .given_crosses = true
#define OF(SLOT) .taken = (SLOT)
#define OF_CROSSING(NUMBER) .taken = (NUMBER), .taken_crosses = true
static const struct mk_alloctrace_event small[] = {
    {.thread = 0, .code = MK_AT_THREAD_START, .time_ns = 5},
    {.thread = 0, .code = MK_AT_MALLOC, .time_ns = 10, LOCAL(0), .size = 100},
    {.thread = 0, .code = MK_AT_CALLOC, .time_ns = 10, CROSSING(0), .size = 24},
    {.thread = 1, .code = MK_AT_THREAD_START, .time_ns = 20},
    {.thread = 1, .code = MK_AT_ALIGNED, .time_ns = 21, LOCAL(0), .size = 4096, .align_log2 = 12},
    {.thread = 1, .code = MK_AT_REALLOC_MOVED, .time_ns = 30, OF_CROSSING(0), LOCAL(1), .size = 48},
    {.thread = 0, .code = MK_AT_REALLOC, .time_ns = 31, OF(0), CROSSING(1), .size = UINT64_C(5) << 32},
    {.thread = 0, .code = MK_AT_MALLOC_FAILED, .time_ns = 31, .size = UINT64_MAX},
    {.thread = 1, .code = MK_AT_FREE, .time_ns = 40, OF(0)},
    {.thread = 1, .code = MK_AT_FREE, .time_ns = 41, OF_CROSSING(1)},
    {.thread = 0, .code = MK_AT_MALLOC, .time_ns = 1000000, LOCAL(0), .size = 0},
    {.thread = 0, .code = MK_AT_THREAD_EXIT, .time_ns = 1000000},
    {.thread = 1, .code = MK_AT_THREAD_EXIT, .time_ns = 2000000},
};
#define SMALL (sizeof small / sizeof *small)

static void make_small(struct made *made, struct mk_alloctrace_tally tally) {
    open_made(made);
    for (size_t i = 0; i < SMALL; i++) mk_alloctrace_add(&made->writer, &small[i]);
    close_made(made, tally);
}

/* Opens and walks. Returns 0, or -1 with err set. */
static int read_bytes(const void *bytes, size_t n, bool partial, mk_alloctrace_visit_fn *visit, void *arg,
                      struct mk_alloctrace_info *info, struct mk_err *err) {
    struct mk_alloctrace trace;
    err->text[0] = '\0';
    int failed = mk_alloctrace_open_bytes(&trace, bytes, n, partial, err);
    if (!failed) failed = mk_alloctrace_walk(&trace, visit, arg, err);
    *info = trace.info;
    mk_alloctrace_close(&trace);
    return failed;
}

static void compare(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                    struct mk_alloctrace_object *given) {
    size_t *n = arg;
    if (*n >= SMALL) return;
    const struct mk_alloctrace_event *want = &small[*n];
    CHECK_EQ(event->order, *n);
    CHECK(event->thread == want->thread && event->code == want->code && event->time_ns == want->time_ns);
    CHECK(event->size == want->size && event->align_log2 == want->align_log2);
    CHECK(event->taken == want->taken && event->taken_crosses == want->taken_crosses);
    CHECK(event->given == want->given && event->given_crosses == want->given_crosses);
    CHECK_EQ(taken != NULL, mk_alloctrace_takes(want->code));
    CHECK_EQ(given != NULL, mk_alloctrace_gives(want->code));
    if (*n == 5) CHECK(taken && taken->size == 24 && taken->thread == 0 && taken->order == 2);
    ++*n;
}

TEST(what_is_written_is_read_back_in_the_order_of_all) {
    struct made made;
    struct mk_alloctrace trace;
    struct mk_err err = {""};
    size_t n = 0;
    make_small(&made, (struct mk_alloctrace_tally){.inherited = 3, .flags = MK_AT_FORKED});
    CHECK_EQ(mk_alloctrace_open_bytes(&trace, made.at, made.n, false, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(mk_alloctrace_walk(&trace, compare, &n, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(n, SMALL);
    CHECK(trace.info.whole && trace.info.events == SMALL && trace.info.threads == 2 && trace.info.crossing == 2);
    CHECK(trace.info.tally.inherited == 3 && trace.info.tally.flags == MK_AT_FORKED);
    CHECK_STR(trace.info.origin.command, "test one two");
    CHECK(trace.info.origin.machine == NULL);
    CHECK(!mk_alloctrace_lacks(&trace.info.tally));
    mk_alloctrace_close(&trace);
    free(made.at);
}

TEST(a_thread_s_stream_is_its_events_alone) {
    struct made made;
    struct mk_alloctrace trace;
    struct mk_err err = {""};
    make_small(&made, (struct mk_alloctrace_tally){0});
    CHECK_EQ(mk_alloctrace_open_bytes(&trace, made.at, made.n, false, &err), 0);
    for (uint32_t t = 0; t < 2; t++) {
        struct mk_alloctrace_stream stream;
        struct mk_alloctrace_event event;
        mk_alloctrace_stream(&stream, &trace, t);
        for (size_t i = 0; i < SMALL; i++) {
            if (small[i].thread != t) continue;
            CHECK_EQ(mk_alloctrace_next(&stream, &event, &err), 1);
            CHECK(event.order == i && event.code == small[i].code && event.size == small[i].size);
        }
        CHECK_EQ(mk_alloctrace_next(&stream, &event, &err), 0);
        mk_alloctrace_stream_end(&stream);
    }
    mk_alloctrace_close(&trace);
    free(made.at);
}

/* Threads in turn, over many blocks: the books of the walk have to agree with these. */
#define MANY 120000
TEST(many_blocks_of_many_threads_keep_the_order) {
    struct made made;
    struct mk_alloctrace_info info;
    struct mk_err err;
    uint64_t slots[7] = {0}, crossing = 0;
    open_made(&made);
    for (uint64_t i = 0; i < MANY; i++) {
        struct mk_alloctrace_event event = {
            .thread = (uint32_t)(i % 7), .code = MK_AT_MALLOC, .time_ns = i * 3, .size = i * 77};
        event.given_crosses = i % 5 == 0;
        event.given = event.given_crosses ? crossing++ : slots[event.thread]++;
        mk_alloctrace_add(&made.writer, &event);
    }
    close_made(&made, (struct mk_alloctrace_tally){0});
    CHECK_EQ(read_bytes(made.at, made.n, false, NULL, NULL, &info, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(info.events, MANY + 14);
    CHECK(info.blocks > 7);
    free(made.at);
}

/* ---- damage --------------------------------------------------------------------------------- */

static void count_events(void *arg, const struct mk_alloctrace_event *event,
                         const struct mk_alloctrace_object *taken, struct mk_alloctrace_object *given) {
    (void)event;
    (void)taken;
    (void)given;
    ++*(size_t *)arg;
}

TEST(a_file_cut_off_anywhere_is_refused_read_in_part_and_repaired) {
    struct made made;
    size_t last = 0;
    make_small(&made, (struct mk_alloctrace_tally){0});
    size_t head = MK_RECORD_HEAD_BYTES + mk_record_get32((unsigned char *)made.at + 16);
    for (size_t n = 0; n < made.n; n++) {
        struct mk_alloctrace_info info;
        struct mk_alloctrace trace;
        struct mk_err err;
        size_t seen = 0;
        CHECK_EQ(read_bytes(made.at, n, false, NULL, NULL, &info, &err), -1);
        CHECK(strstr(err.text, "at byte "));
        CHECK_EQ(read_bytes(made.at, n, true, count_events, &seen, &info, &err), n < head ? -1 : 0);
        if (n < head) continue;
        CHECK(!info.whole && seen >= last && seen == info.events);
        last = seen;
        char *copy;
        size_t copy_n;
        FILE *out = open_memstream(&copy, &copy_n);
        struct mk_alloctrace_tally tally;
        CHECK_EQ(mk_alloctrace_open_bytes(&trace, made.at, n, true, &err), 0);
        CHECK_EQ(mk_alloctrace_repair(&trace, out, &tally, &err), 0);
        fclose(out);
        mk_alloctrace_close(&trace);
        CHECK(tally.flags == (MK_AT_REPAIRED | MK_AT_CUT) && !mk_alloctrace_lacks(&tally));
        CHECK_EQ(read_bytes(copy, copy_n, false, NULL, NULL, &info, &err), 0);
        CHECK_STR(err.text, "");
        free(copy);
    }
    CHECK_EQ(last, SMALL);
    free(made.at);
}

TEST(every_change_of_a_byte_is_refused) {
    static const unsigned char changes[] = {0x01, 0x02, 0x10, 0x80, 0xff};
    struct made made;
    struct mk_alloctrace_info info;
    struct mk_err err;
    make_small(&made, (struct mk_alloctrace_tally){0});
    for (size_t i = 0; i < made.n; i++) {
        for (size_t c = 0; c < sizeof changes; c++) {
            made.at[i] ^= (char)changes[c];
            if (read_bytes(made.at, made.n, false, NULL, NULL, &info, &err) != -1)
                mk_test_fail(__FILE__, __LINE__, "byte %zu ^ 0x%02x is taken", i, changes[c]);
            CHECK(strncmp(err.text, "at byte ", 8) == 0);
            made.at[i] ^= (char)changes[c];
        }
    }
    free(made.at);
}

/* A file that is a hole behind its first block could have so many threads, by its size; it has one block. */
TEST(a_thread_s_number_is_bounded_by_the_blocks_and_not_by_the_size) {
    static const uint32_t numbers[] = {5, 15999999};
    for (size_t i = 0; i < 2; i++) {
        struct made made;
        struct mk_alloctrace trace;
        struct mk_err err = {""};
        char path[256];
        make_small(&made, (struct mk_alloctrace_tally){0});
        unsigned char *block =
            (unsigned char *)made.at + MK_RECORD_HEAD_BYTES + mk_record_get32((unsigned char *)made.at + 16);
        uint32_t n = mk_record_get32(block + 12);
        size_t bytes = (size_t)((char *)block - made.at) + MK_AT_BLOCK_BYTES + n;
        mk_record_put32(block + 4, numbers[i]);
        uint64_t sum = mk_record_checksum(0, block, 40);
        mk_record_put64(block + 40, mk_record_checksum(sum, block + MK_AT_BLOCK_BYTES, n));
        int fd = child_file(path, sizeof path);
        CHECK_EQ(write(fd, made.at, bytes), (ssize_t)bytes);
        CHECK_EQ(ftruncate(fd, 800000000), 0);
        close(fd);
        CHECK_EQ(mk_alloctrace_open(&trace, path, true, &err), 0);
        CHECK_EQ(trace.threads, i ? 0 : numbers[i] + 1);
        CHECK(strstr(trace.info.cut, i ? "a thread's number that cannot be" : "here a block was to begin"));
        mk_alloctrace_close(&trace);
        unlink(path);
        free(made.at);
    }
}

/* Files whose checksums are right, and whose events are not. */
TEST(wrong_events_are_refused_with_their_place) {
    static const struct {
        const char *said;
        struct mk_alloctrace_event event[3];
    } wrongs[] = {
        {"a slot of its thread that is empty", {{.code = MK_AT_FREE, OF(0)}}},
        {"a slot of its thread that is empty", {{.code = MK_AT_MALLOC, LOCAL(0)}, {.code = MK_AT_FREE, OF(1)}}},
        {"a slot of its thread that is empty",
         {{.code = MK_AT_MALLOC, LOCAL(0)}, {.code = MK_AT_FREE, OF(0)}, {.code = MK_AT_FREE, OF(0)}}},
        {"a slot of its thread that is empty", {{.code = MK_AT_MALLOC}, {.thread = 1, .code = MK_AT_FREE}}},
        {"a slot of its thread that is empty", {{.code = MK_AT_FREE, OF(UINT64_C(1) << 40)}}},
        {"that is not empty", {{.code = MK_AT_MALLOC, LOCAL(0)}, {.code = MK_AT_MALLOC, LOCAL(0)}}},
        {"a slot above the next one", {{.code = MK_AT_MALLOC, LOCAL(1)}}},
        {"has not been allocated", {{.code = MK_AT_FREE, OF_CROSSING(0)}}},
        {"has been freed before",
         {{.code = MK_AT_MALLOC, CROSSING(0)},
          {.thread = 1, .code = MK_AT_FREE, OF_CROSSING(0)},
          {.code = MK_AT_REALLOC, OF_CROSSING(0), LOCAL(0)}}},
        {"not numbered one after the other", {{.code = MK_AT_MALLOC, CROSSING(1)}}},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct made made;
        struct mk_alloctrace_info info;
        struct mk_err err;
        open_made(&made);
        for (size_t e = 0; e < 3 && wrongs[i].event[e].code; e++)
            mk_alloctrace_add(&made.writer, &wrongs[i].event[e]);
        close_made(&made, (struct mk_alloctrace_tally){0});
        CHECK_EQ(read_bytes(made.at, made.n, false, NULL, NULL, &info, &err), -1);
        if (!strstr(err.text, wrongs[i].said)) CHECK_STR(err.text, wrongs[i].said);
        CHECK(strstr(err.text, "at byte ") && strstr(err.text, "thread ") && strstr(err.text, "event "));
        free(made.at);
    }
}

/* ---- statistics ----------------------------------------------------------------------------- */

TEST(statistics_are_those_worked_out_by_hand) {
    struct made made;
    struct mk_alloctrace trace;
    static struct mk_alloctrace_stats stats;
    struct mk_err err;
    make_small(&made, (struct mk_alloctrace_tally){0});
    CHECK_EQ(mk_alloctrace_open_bytes(&trace, made.at, made.n, false, &err), 0);
    CHECK_EQ(mk_alloctrace_count(&trace, &stats, &err), 0);
    CHECK_EQ(stats.allocations, 6);
    CHECK(stats.allocated_bytes == 100 + 24 + 4096 + 48 + (UINT64_C(5) << 32));
    CHECK(stats.largest == UINT64_C(5) << 32 && stats.zero_sized == 1);
    CHECK_EQ(stats.frees, 4);
    CHECK_EQ(stats.crossed, 2);
    CHECK(stats.grown == 2 && stats.shrunk == 0 && stats.same == 0);
    CHECK_EQ(stats.live_blocks, 2);
    CHECK_EQ(stats.live_bytes, 48);
    CHECK(stats.peak_bytes == (UINT64_C(5) << 32) + 4096 + 48 && stats.peak_bytes_blocks == 3);
    CHECK_EQ(stats.peak_bytes_ns, 31);
    CHECK_EQ(stats.peak_blocks, 3);
    CHECK_EQ(stats.align[12], 1);
    CHECK(stats.size[mk_alloctrace_bucket(100)] == 1 && stats.size[0] == 1);
    CHECK(stats.size[mk_alloctrace_bucket(24)] == 1);
    /* the calloc, 2 allocations later, 20 ns; the first malloc, 4 and 21; the aligned one, 3 and 19; and 1 and
     * 10 */
    CHECK(stats.life_allocs[1] == 1 && stats.life_allocs[2] == 2 && stats.life_allocs[3] == 1);
    CHECK(stats.life_ns[5] == 3 && stats.life_ns[4] == 1);
    CHECK(stats.of_thread[0] == 7 && stats.of_thread[1] == 6);
    CHECK(stats.points == SMALL && stats.point[6].live_bytes == stats.peak_bytes);
    mk_alloctrace_stats_free(&stats);
    mk_alloctrace_close(&trace);
    free(made.at);
}

TEST(the_table_finds_what_is_in_it_and_nothing_else) {
    struct mk_alloctrace_table table = {0};
    static bool in[4096];
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        state = mk_mix64(state);
        uint64_t key = state % 4096;
        struct mk_alloctrace_object *found = mk_alloctrace_find(&table, key << 20);
        if ((found != NULL) != in[key]) {
            mk_test_fail(__FILE__, __LINE__, "key %d is %sthere", (int)key, found ? "" : "not ");
            break;
        }
        if (found) mk_alloctrace_remove(&table, found);
        else mk_alloctrace_insert(&table, key << 20);
        in[key] = !in[key];
    }
    mk_alloctrace_table_free(&table);
}

/* ---- captures ------------------------------------------------------------------------------- */

/* A capture is put together: blocks of threads, with words. */
struct capture {
    unsigned char bytes[1 << 16];
    size_t n;
    uint64_t word[256];
    uint32_t words, numbers[8];
};

static void begin_capture(struct capture *capture) {
    struct mk_raw_head head = {.version = MK_RAW_VERSION, .pid = 7, .parent = 1, .page_bytes = 4096, .closed = 1};
    memcpy(head.magic, MK_RAW_MAGIC, MK_RAW_MAGIC_BYTES);
    memset(capture, 0, sizeof *capture);
    memcpy(capture->bytes, &head, sizeof head);
    capture->n = MK_RAW_HEAD_BYTES;
}

static void add(struct capture *capture, unsigned code, uint64_t address, uint32_t ticket, uint32_t size) {
    capture->word[capture->words++] = (uint64_t)code << 56 | address;
    capture->word[capture->words++] = (uint64_t)ticket << 32 | size;
}

static void add_short(struct capture *capture, unsigned code, uint64_t address, uint32_t size) {
    uint64_t first = (uint64_t)(code | MK_RAW_SHORT) << 56;
    capture->word[capture->words++] = first | address >> 4 << MK_RAW_SHORT_BITS | size;
}

static void end_block(struct capture *capture, uint32_t thread) {
    struct mk_raw_block block = {MK_RAW_BLOCK_TAG, thread, capture->words, capture->numbers[thread]++, 0, 0};
    block.check = mk_raw_check(&block);
    memcpy(capture->bytes + capture->n, &block, sizeof block);
    memcpy(capture->bytes + capture->n + sizeof block, capture->word, capture->words * 8);
    capture->n += sizeof block + capture->words * 8;
    capture->words = 0;
}

/* Appends each event as a word or two: "0:malloc(16)=L0 1:free(X0)". */
static void spell(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                  struct mk_alloctrace_object *given) {
    struct mk_text *text = arg;
    (void)taken;
    (void)given;
    if (event->code < MK_AT_MALLOC) return;
    mk_text_printf(text, "%s%u:%s", text->n ? " " : "", event->thread, mk_alloctrace_names[event->code]);
    if (mk_alloctrace_takes(event->code))
        mk_text_printf(text, "(%c%d)", event->taken_crosses ? 'X' : 'L', (int)event->taken);
    if (event->code != MK_AT_FREE) mk_text_printf(text, "[%llu]", (unsigned long long)event->size);
    if (mk_alloctrace_gives(event->code))
        mk_text_printf(text, "=%c%d", event->given_crosses ? 'X' : 'L', (int)event->given);
}

/* Converts, and returns how the trace reads, or what is wrong; the caller frees it. */
static char *convert(const struct capture *capture, struct mk_alloctrace_tally *tally) {
    char path[256], *bytes = NULL;
    size_t n = 0;
    uint64_t threads, events;
    struct mk_alloctrace_info info;
    struct mk_text text = {0};
    struct mk_err err;
    int fd = child_file(path, sizeof path);
    CHECK_EQ(write(fd, capture->bytes, capture->n), (ssize_t)capture->n);
    close(fd);
    FILE *out = open_memstream(&bytes, &n);
    int failed = mk_alloctrace_from_raw(path, out, tally, &threads, &events, &err);
    fclose(out);
    if (failed || read_bytes(bytes, n, false, spell, &text, &info, &err)) mk_text_printf(&text, "! %s", err.text);
    unlink(path);
    free(bytes);
    return mk_text_take(&text);
}

static void check_capture(const struct capture *capture, const char *want, uint64_t unmatched, uint64_t implied,
                          uint32_t flags) {
    struct mk_alloctrace_tally tally = {0};
    char *said = convert(capture, &tally);
    CHECK_STR(said, want);
    CHECK_EQ(tally.unmatched, unmatched);
    CHECK_EQ(tally.implied, implied);
    CHECK_EQ(tally.flags, flags);
    free(said);
}

#define A UINT64_C(0x700000001000)
#define B (A + 0x40) /* the same counter */

TEST(tickets_put_threads_in_order_whatever_the_clock_says) {
    static struct capture capture;
    begin_capture(&capture);
    /* thread 1 frees what thread 0 allocates, and allocates the address anew; its clock is behind */
    add(&capture, MK_RAW_CLOCK, 0, 0, 5);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add(&capture, MK_RAW_FREE, A, 2, 0);
    add_short(&capture, MK_RAW_CALLOC, A, 32);
    end_block(&capture, 1);
    add(&capture, MK_RAW_CLOCK, 0, 0, 1000);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add_short(&capture, MK_RAW_MALLOC, A, 16);
    add_short(&capture, MK_RAW_MALLOC, B, 24);
    add(&capture, MK_RAW_FREE, B, 4, 0);
    end_block(&capture, 0);
    check_capture(&capture, "0:malloc[16]=X0 0:malloc[24]=L0 1:free(X0) 1:calloc[32]=L0 0:free(L0)", 0, 0, 0);
}

TEST(a_realloc_is_taken_and_given_and_a_failed_one_gives_back) {
    static struct capture capture;
    begin_capture(&capture);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add_short(&capture, MK_RAW_MALLOC, A, 16);
    add_short(&capture, MK_RAW_TAKE, A, 0);
    add_short(&capture, MK_RAW_GIVE, A, 32);
    add_short(&capture, MK_RAW_TAKE, A, 0);
    add_short(&capture, MK_RAW_GIVE, B, 64);
    add_short(&capture, MK_RAW_TAKE, B, 0);
    add(&capture, MK_RAW_KEPT, 0, 0, 99);
    add_short(&capture, MK_RAW_TAKE, B, 0);
    add(&capture, MK_RAW_FREED, 0, 0, 0);
    capture.word[capture.words++] = (uint64_t)MK_RAW_WIDE << 56;
    capture.word[capture.words++] = UINT64_C(1) << 40;
    add(&capture, MK_RAW_FAILED, MK_RAW_MALLOC, 0, 0);
    end_block(&capture, 0);
    check_capture(&capture,
                  "0:malloc[16]=L0 0:realloc(L0)[32]=L0 0:realloc_moved(L0)[64]=L0 0:realloc_failed[99] 0:free(L0) "
                  "0:malloc_failed[1099511627776]",
                  0, 0, 0);
}

TEST(what_matches_nothing_is_counted_and_left_out) {
    static struct capture capture;
    begin_capture(&capture);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add_short(&capture, MK_RAW_FREE, A, 0);
    add_short(&capture, MK_RAW_MALLOC, B, 16);
    add_short(&capture, MK_RAW_MALLOC, B, 17);
    add_short(&capture, MK_RAW_TAKE, A, 0);
    add_short(&capture, MK_RAW_GIVE, A, 32);
    end_block(&capture, 0);
    check_capture(&capture, "0:malloc[16]=L0 0:free(L0) 0:malloc[17]=L0 0:malloc[32]=L1", 2, 1, 0);
    struct mk_raw_head head;
    memcpy(&head, capture.bytes, sizeof head);
    head.forked = 1;
    memcpy(capture.bytes, &head, sizeof head);
    struct mk_alloctrace_tally tally;
    free(convert(&capture, &tally));
    CHECK(tally.unmatched == 0 && tally.inherited == 2 && tally.flags == MK_AT_FORKED);
}

/* Of a counter whose first ticket is missing, those that wait go on by their tickets, not by their clocks. */
TEST(what_waits_behind_a_missing_ticket_stays_in_order) {
    static struct capture capture;
    begin_capture(&capture);
    add(&capture, MK_RAW_CLOCK, 0, 0, 10);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add(&capture, MK_RAW_FREE, A, 3, 0);
    end_block(&capture, 0);
    add(&capture, MK_RAW_CLOCK, 0, 0, 1000);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add(&capture, MK_RAW_MALLOC, A, 1, 16);
    add(&capture, MK_RAW_MALLOC, B, 2, 24);
    end_block(&capture, 1);
    check_capture(&capture, "1:malloc[16]=X0 1:malloc[24]=L0 0:free(X0)", 0, 0, 0);
}

/* In a program that ends in order a thread that still runs may be between its ticket and its record. */
TEST(a_call_under_way_at_the_end_is_no_cut) {
    for (uint32_t missing = 0; missing < 3; missing++) {
        static struct capture capture;
        begin_capture(&capture);
        add(&capture, MK_RAW_START, 0, 0, 0);
        add(&capture, MK_RAW_MALLOC, A, missing, 16);
        end_block(&capture, 0);
        check_capture(&capture, "0:malloc[16]=L0", 0, 0, missing > 1 ? MK_AT_CUT : 0);
        begin_capture(&capture);
        add(&capture, MK_RAW_START, 0, 0, 0);
        add(&capture, MK_RAW_MALLOC, A, missing, 16);
        add(&capture, MK_RAW_EXIT, 0, 0, 0);
        end_block(&capture, 0);
        check_capture(&capture, "0:malloc[16]=L0", 0, 0, missing ? MK_AT_CUT : 0);
    }
}

/* Another thread, whose clock is behind, frees what a realloc that failed has left. */
TEST(a_failed_realloc_is_whole_before_another_thread_frees) {
    static struct capture capture;
    begin_capture(&capture);
    add(&capture, MK_RAW_CLOCK, 0, 0, 10);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add_short(&capture, MK_RAW_MALLOC, A, 16);
    add_short(&capture, MK_RAW_TAKE, A, 0);
    add(&capture, MK_RAW_CLOCK, 0, 0, 5000);
    add(&capture, MK_RAW_KEPT, 0, 0, 99);
    end_block(&capture, 0);
    add(&capture, MK_RAW_CLOCK, 0, 0, 100);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add(&capture, MK_RAW_FREE, A, 2, 0);
    end_block(&capture, 1);
    check_capture(&capture, "0:malloc[16]=X0 0:realloc_failed[99] 1:free(X0)", 0, 0, 0);
}

/* A block that is missing leaves tickets that nobody has; the others go on. */
TEST(a_capture_with_gaps_or_a_cut_end_still_makes_a_trace) {
    static struct capture capture;
    begin_capture(&capture);
    add(&capture, MK_RAW_START, 0, 0, 0);
    add(&capture, MK_RAW_MALLOC, A, 7, 16);
    add(&capture, MK_RAW_MALLOC, B, 9, 16);
    end_block(&capture, 0);
    check_capture(&capture, "0:malloc[16]=L0 0:malloc[16]=L1", 0, 0, MK_AT_CUT);
    for (size_t n = MK_RAW_HEAD_BYTES; n < capture.n; n += 3) {
        struct capture part = capture;
        struct mk_alloctrace_tally tally;
        part.n = n;
        char *said = convert(&part, &tally);
        CHECK(said[0] != '!');
        CHECK_EQ(tally.flags, n == MK_RAW_HEAD_BYTES ? 0 : MK_AT_CUT);
        free(said);
    }
}

TEST(a_capture_that_is_none_is_refused) {
    static struct capture capture;
    struct mk_alloctrace_tally tally;
    begin_capture(&capture);
    capture.bytes[3] ^= 1;
    char *said = convert(&capture, &tally);
    CHECK(said[0] == '!' && strstr(said, "it is no capture"));
    free(said);
    capture.bytes[3] ^= 1;
    capture.n = 100;
    said = convert(&capture, &tally);
    CHECK(said[0] == '!' && strstr(said, "it is no capture"));
    free(said);
}
