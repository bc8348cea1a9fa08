/* test_optrace.c - traces of operations: what impl/record.h writes, what the reader takes, what it refuses, and
 * CSV. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../harness/optrace.h"
#include "../harness/record.h"
#include "child.h"
#include "test.h"

#define ROOM 300000

/* All operations of a file, in its order. */
struct list {
    struct mk_optrace_record *at;
    size_t n;
    struct mk_optrace_info info;
    struct mk_err err;
    int failed;
};

static void keep(void *arg, const struct mk_optrace_record *record) {
    struct list *list = arg;
    if (list->n < ROOM) list->at[list->n] = *record;
    list->n++;
}

static void read_list(struct list *list, const char *path, bool partial) {
    memset(list, 0, sizeof *list);
    list->at = mk_need(ROOM, sizeof *list->at);
    list->failed = mk_optrace_read(path, partial, keep, list, &list->info, &list->err);
}

static void free_list(struct list *list) {
    free(list->at);
    mk_optrace_info_free(&list->info);
}

/* A name for a file that goes away with `unlink`. */
static void fresh(char *path, size_t room) {
    close(child_file(path, room));
}

static void save(const char *path, const void *bytes, size_t n) {
    FILE *out = fopen(path, "wb");
    CHECK(out && fwrite(bytes, 1, n, out) == n);
    if (out) fclose(out);
}

/* ---- the recorder --------------------------------------------------------------------------- */

TEST(what_is_recorded_is_read_back) {
    char path[256];
    struct list list;
    fresh(path, sizeof path);
    mk_record_trace *trace = mk_record_open(path);
    CHECK(trace != NULL);
    mk_record_map_get(trace, 0);
    mk_record_map_put(trace, UINT64_MAX, 64);
    mk_record_map_remove(trace, 127);
    mk_record_map_contains(trace, 128);
    mk_record_map_insert_if_absent(trace, 1u << 31, UINT64_MAX);
    mk_record_map_update(trace, 5, 0);
    mk_record_map_read_modify_write(trace, 6, 8);
    mk_record_map_scan(trace, 7, 100);
    mk_record_list_insert(trace, 8);
    mk_record_list_remove(trace, 9);
    mk_record_list_contains(trace, 10);
    mk_record_queue_enqueue(trace, 11);
    mk_record_queue_dequeue(trace);
    mk_record_stack_push(trace, 12);
    mk_record_stack_pop(trace);
    mk_record_op(NULL, MK_RECORD_GET, 1, 1);
    CHECK_EQ(mk_record_close(trace), 0);
    CHECK_EQ(mk_record_close(NULL), 0);
    read_list(&list, path, false);
    CHECK_STR(list.err.text, "");
    static const struct {
        const char *op;
        uint64_t key, size;
    } want[] = {{"get", 0, 0},
                {"put", UINT64_MAX, 64},
                {"remove", 127, 0},
                {"contains", 128, 0},
                {"insert_if_absent", 1u << 31, UINT64_MAX},
                {"update", 5, 0},
                {"read_modify_write", 6, 8},
                {"scan", 7, 100},
                {"insert", 8, 0},
                {"remove", 9, 0},
                {"contains", 10, 0},
                {"enqueue", 11, 0},
                {"dequeue", 0, 0},
                {"push", 12, 0},
                {"pop", 0, 0}};
    CHECK_EQ(list.n, 15);
    for (size_t i = 0; i < 15 && list.n == 15; i++) {
        CHECK_STR(mk_optrace_ops[list.at[i].code].name, want[i].op);
        CHECK(list.at[i].key == want[i].key && list.at[i].size == want[i].size);
        CHECK(i == 0 || list.at[i].time_ns >= list.at[i - 1].time_ns);
    }
    CHECK(list.info.whole);
    CHECK_EQ(list.info.operations, 15);
    CHECK_EQ(list.info.threads, 1);
    CHECK_EQ(list.info.dropped, 0);
    CHECK_EQ(list.info.of_op[MK_RECORD_THREAD_START], 1);
    CHECK_EQ(list.info.of_op[MK_RECORD_THREAD_EXIT], 1);
    CHECK(list.info.program && list.info.program[0] && strstr(list.info.date, "T") &&
          strstr(list.info.machine, "Linux"));
    CHECK(mk_optrace_is(path));
    free_list(&list);
    unlink(path);
}

#define PER_THREAD 30000
#define THREADS 4

struct worker {
    mk_record_trace *trace;
    uint64_t number, n;
};

static void *work(void *arg) {
    const struct worker *worker = arg;
    for (uint64_t i = 0; i < worker->n; i++) mk_record_map_put(worker->trace, worker->number << 32 | i, i % 3);
    return NULL;
}

static void run_workers(mk_record_trace *trace, uint64_t first, uint64_t n) {
    pthread_t id[THREADS];
    struct worker worker[THREADS];
    for (unsigned t = 0; t < THREADS; t++) {
        worker[t] = (struct worker){trace, first + t, n};
        CHECK_EQ(pthread_create(&id[t], NULL, work, &worker[t]), 0);
    }
    for (unsigned t = 0; t < THREADS; t++) pthread_join(id[t], NULL);
}

TEST(threads_keep_their_order_and_their_numbers_come_back) {
    char path[256];
    struct list list;
    uint64_t next[2 * THREADS] = {0}, last_ns[THREADS] = {0};
    fresh(path, sizeof path);
    mk_record_trace *trace = mk_record_open(path);
    run_workers(trace, 0, PER_THREAD);
    run_workers(trace, THREADS, PER_THREAD);
    CHECK_EQ(mk_record_close(trace), 0);
    read_list(&list, path, false);
    CHECK_STR(list.err.text, "");
    CHECK_EQ(list.n, 2 * THREADS * PER_THREAD);
    CHECK(list.info.threads >= 1 && list.info.threads <= THREADS);
    CHECK_EQ(list.info.of_op[MK_RECORD_THREAD_START], 2 * THREADS);
    for (size_t i = 0; i < list.n && i < ROOM; i++) {
        const struct mk_optrace_record *record = &list.at[i];
        uint64_t worker = record->key >> 32;
        if (worker >= 2 * THREADS || (uint32_t)record->key != next[worker]++) {
            mk_test_fail(__FILE__, __LINE__, "operation %zu is out of order", i);
            break;
        }
        CHECK(record->time_ns >= last_ns[record->thread]);
        last_ns[record->thread] = record->time_ns;
    }
    free_list(&list);
    unlink(path);
}

TEST(a_child_process_records_nothing) {
    char path[256];
    struct list list;
    fresh(path, sizeof path);
    mk_record_trace *trace = mk_record_open(path);
    for (uint64_t i = 0; i < 10; i++) mk_record_map_get(trace, i);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        pthread_t id;
        struct worker worker = {trace, 77, 50000};
        for (uint64_t i = 0; i < 50000; i++) mk_record_map_get(trace, 1000 + i);
        if (!pthread_create(&id, NULL, work, &worker)) pthread_join(id, NULL);
        _exit(mk_record_close(trace) == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
    mk_record_map_get(trace, 10);
    CHECK_EQ(mk_record_close(trace), 0);
    read_list(&list, path, false);
    CHECK_STR(list.err.text, "");
    CHECK_EQ(list.n, 11);
    for (size_t i = 0; i < list.n && i < 11; i++) CHECK_EQ(list.at[i].key, i);
    free_list(&list);
    unlink(path);
}

/* In a process of its own: files may not grow beyond so many bytes. Says what the close says, and what is read. */
static void fill_disk(FILE *out, void *arg) {
    char path[256];
    struct list list;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = *(const rlim_t *)arg;
    fresh(path, sizeof path);
    mk_record_trace *trace = mk_record_open(path);
    if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(3);
    run_workers(trace, 0, PER_THREAD);
    errno = 17;
    mk_record_map_get(trace, 1);
    int kept = errno;
    dup2(open("/dev/null", O_WRONLY), 2); /* it says that some are missing */
    uint64_t dropped = mk_record_close(trace);
    read_list(&list, path, false);
    bool adds_up = list.info.operations + dropped == THREADS * PER_THREAD + 1 && list.info.dropped == dropped;
    if (list.failed)
        fprintf(out, "%s", list.err.text);
    else
        fprintf(out, "%s%s%s", dropped ? "dropped" : "all there", adds_up ? "" : ", does not add up",
                kept == 17 ? "" : ", errno");
    free_list(&list);
    unlink(path);
}

TEST(a_full_disk_costs_operations_and_says_how_many) {
    static const rlim_t limits[] = {2000, 40000, 66000, 140000, 200003, 300000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        rlim_t limit = limits[i];
        char *said = in_child(fill_disk, &limit);
        CHECK_STR(said, "dropped");
        free(said);
    }
    rlim_t enough = 100u << 20;
    char *said = in_child(fill_disk, &enough);
    CHECK_STR(said, "all there");
    free(said);
}

static void record_nonsense(FILE *out, void *arg) {
    char path[256];
    struct list list;
    (void)arg;
    fresh(path, sizeof path);
    mk_record_trace *trace = mk_record_open(path);
    mk_record_op(trace, MK_RECORD_THREAD_EXIT, 1, 1);
    mk_record_op(trace, MK_RECORD_OPS, 1, 1);
    mk_record_op(trace, 0xc2, 1, 1);
    mk_record_op(trace, MK_RECORD_GET, 1, 1);
    dup2(open("/dev/null", O_WRONLY), 2); /* it says that some are missing */
    uint64_t dropped = mk_record_close(trace);
    read_list(&list, path, false);
    fprintf(out, "%d dropped, %d there%s", (int)dropped, (int)list.n, list.err.text);
    free_list(&list);
    unlink(path);
}

TEST(what_is_no_operation_does_not_spoil_the_file) {
    char *said = in_child(record_nonsense, NULL);
    CHECK_STR(said, "3 dropped, 1 there");
    free(said);
}

TEST(what_cannot_be_opened_says_why) {
    CHECK(!mk_record_open("/nonexistent/folder/x") && errno == ENOENT);
    if (access("/dev/full", W_OK) == 0) CHECK(!mk_record_open("/dev/full") && errno == ENOSPC);
}

/* ---- damaged files -------------------------------------------------------------------------- */

/* A small trace of three threads in several blocks. */
static void make_small(struct mk_optrace_writer *writer) {
    mk_optrace_begin(writer, "test", "2026-01-01T00:00:00Z", "none", "any");
    for (uint64_t i = 0; i < 12; i++) {
        struct mk_optrace_record record = {(uint32_t)(i % 3), MK_RECORD_GET + (uint32_t)(i % 4), i * i * 1000,
                                           i % 2 ? 64 : 0, i * 300};
        mk_optrace_add(writer, &record);
    }
    mk_optrace_end(writer, 5);
}

static int read_bytes(const void *bytes, size_t n, bool partial, struct list *list) {
    FILE *in = fmemopen((void *)(uintptr_t)bytes, n, "rb");
    list->n = 0;
    list->err.text[0] = '\0';
    list->failed = in ? mk_optrace_read_stream(in, partial, keep, list, &list->info, &list->err) : -2;
    if (in) fclose(in);
    return list->failed;
}

TEST(a_file_cut_off_anywhere_is_refused_and_read_in_part) {
    struct mk_optrace_writer writer;
    struct list list = {.at = mk_need(ROOM, sizeof *list.at)};
    size_t head = 0, grew = 0, last = 0;
    make_small(&writer);
    head = MK_RECORD_HEAD_BYTES + mk_record_get32((unsigned char *)writer.out.at + 16);
    for (size_t n = 1; n < writer.out.n; n++) {
        CHECK_EQ(read_bytes(writer.out.at, n, false, &list), -1);
        CHECK(strstr(list.err.text, "at byte ") && strstr(list.err.text, "--partial"));
        mk_optrace_info_free(&list.info);
        CHECK_EQ(read_bytes(writer.out.at, n, true, &list), n < head ? -1 : 0);
        if (n >= head) {
            CHECK(!list.info.whole && strstr(list.info.cut, "ends"));
            CHECK(list.n >= last && list.n == list.info.operations);
            grew += list.n > last;
            last = list.n;
        }
        mk_optrace_info_free(&list.info);
    }
    CHECK_EQ(grew, 3);
    CHECK_EQ(last, 12);
    CHECK_EQ(read_bytes(writer.out.at, writer.out.n, false, &list), 0);
    CHECK_EQ(list.info.dropped, 5);
    mk_optrace_info_free(&list.info);
    free(list.at);
    mk_optrace_writer_free(&writer);
}

TEST(every_change_of_a_byte_is_refused) {
    static const unsigned char changes[] = {0x01, 0x02, 0x10, 0x80, 0xff};
    struct mk_optrace_writer writer;
    struct list list = {.at = mk_need(ROOM, sizeof *list.at)};
    make_small(&writer);
    for (size_t i = 0; i < writer.out.n; i++) {
        for (size_t c = 0; c < sizeof changes; c++) {
            writer.out.at[i] ^= (char)changes[c];
            if (read_bytes(writer.out.at, writer.out.n, false, &list) != -1) {
                mk_test_fail(__FILE__, __LINE__, "byte %zu ^ 0x%02x is taken", i, changes[c]);
            }
            CHECK(strncmp(list.err.text, "at byte ", 8) == 0);
            mk_optrace_info_free(&list.info);
            writer.out.at[i] ^= (char)changes[c];
        }
    }
    free(list.at);
    mk_optrace_writer_free(&writer);
}

/* ---- files that lie, with checksums that fit -------------------------------------------------- */

struct lie {
    const char *what;                              /* is to be in the complaint; NULL: it is none */
    uint32_t thread, records, operations, claimed; /* bytes of payload claimed; 0 = so many as there are */
    unsigned char payload[40];
    uint32_t bytes;
};

#define START 0, 0
#define BIG 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff

static void check_lie(const struct lie *lie) {
    unsigned char file[1024];
    struct list list = {.at = mk_need(ROOM, sizeof *list.at)};
    size_t n = mk_record_seal_head(file, "p", "d", "c", "m");
    unsigned char *block = file + n;
    memcpy(block + MK_RECORD_BLOCK_BYTES, lie->payload, lie->bytes);
    mk_record_seal(block, lie->thread, lie->records, lie->operations, lie->bytes, 7);
    if (lie->claimed) mk_record_put32(block + 16, lie->claimed);
    n += MK_RECORD_BLOCK_BYTES + lie->bytes;
    mk_record_seal_closing(file + n, lie->thread + 1, lie->operations, 0, 1);
    n += MK_RECORD_CLOSING_BYTES;
    int failed = read_bytes(file, n, false, &list);
    if (!lie->what)
        CHECK_STR(list.err.text, "");
    else if (!failed || !strstr(list.err.text, lie->what))
        mk_test_fail(__FILE__, __LINE__, "\"%s\" is not said: %s", lie->what, list.err.text);
    mk_optrace_info_free(&list.info);
    free(list.at);
}

TEST(files_that_lie_are_refused) {
    static const struct lie lies[] = {
        {NULL, 0, 2, 1, 0, {START, 2, 0}, 4},
        {NULL, 4095, 2, 1, 0, {START, 0x83, BIG, 1, 0}, 14},
        {"number above 4095", 4096, 2, 1, 0, {START, 2, 0}, 4},
        {"number above 4095", UINT32_MAX - 1, 2, 1, 0, {START, 2, 0}, 4},
        {"longer than blocks can be", 0, 2, 1, UINT32_MAX, {START, 2, 0}, 4},
        {"ends in a block", 0, 2, 1, 60000, {START, 2, 0}, 4},
        {"more records than", 0, UINT32_MAX, 1, 0, {START, 2, 0}, 4},
        {"more records than", 0, 2, 3, 0, {START, 2, 0}, 4},
        {"fewer records", 0, 3, 1, 0, {START, 0x83, 0x81, 1, 0}, 6},
        {"more bytes", 0, 1, 0, 0, {START, 2, 0}, 4},
        {"another number of operations", 0, 2, 2, 0, {START, 2, 0}, 4},
        {"does not know", 0, 2, 1, 0, {START, 15, 0}, 4},
        {"does not know", 0, 2, 1, 0, {START, 63, 0}, 4},
        {"number in a record", 0, 2, 1, 0, {START, 0x83, BIG, 2, 0}, 14},
        {"number in a record", 0, 2, 1, 0, {START, 0x83, BIG, BIG, 0}, 22},
        {"number in a record", 0, 2, 1, 0, {START, 0x83, 0x81, 0x80, 0, 0}, 7},
        {"number in a record", 0, 2, 1, 0, {START, 0x83, 0, 0, 0}, 6},
        {"number in a record", 0, 2, 1, 0, {START, 2, 0x80}, 4},
        {"time that cannot be", 0, 2, 1, 0, {START, 2, BIG, 1}, 13},
        {"has not started", 0, 1, 1, 0, {2, 0}, 2},
        {"has not ended", 0, 2, 0, 0, {START, START}, 4},
        {"has ended", 0, 3, 1, 0, {START, 1, 0, 2, 0}, 6},
        {"has ended", 0, 3, 0, 0, {START, 1, 0, 1, 0}, 6},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) check_lie(&lies[i]);
}

TEST(what_is_no_trace_says_so) {
    static const struct {
        const char *bytes, *said;
    } files[] = {{"{ \"schema\": 1 }      ", "this is no trace"},
                 {"memkit.optrace/2.......", "another version"},
                 {"memkit", "ends in its first line"},
                 {"m", "ends in its first line"},
                 {"x", "this is no trace"}};
    struct list list = {.at = mk_need(ROOM, sizeof *list.at)};
    struct mk_optrace_info info;
    struct mk_err err;
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        CHECK_EQ(read_bytes(files[i].bytes, strlen(files[i].bytes), true, &list), -1);
        CHECK(strstr(list.err.text, files[i].said) != NULL);
        mk_optrace_info_free(&list.info);
    }
    fresh(path, sizeof path);
    CHECK_EQ(mk_optrace_read(path, true, NULL, NULL, &info, &err), -1);
    CHECK(strstr(err.text, "empty") != NULL);
    CHECK(!mk_optrace_is(path));
    unlink(path);
    CHECK_EQ(mk_optrace_read(path, true, NULL, NULL, &info, &err), -1);
    CHECK(strstr(err.text, "No such file") != NULL);
    free(list.at);
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static int import(const char *text, struct mk_optrace_writer *writer, struct mk_optrace_import *said,
                  struct mk_err *err) {
    err->text[0] = '\0';
    return mk_optrace_import("in.csv", text, strlen(text), "today", writer, said, err);
}

TEST(csv_is_read_with_quotes_and_crlf) {
    static const char text[] = "\xef\xbb\xbf"
                               "thread,key,\"op\",size,time_ns\r\n"
                               "a,0x10,get,,5\r\n"
                               "\r\n"
                               "\"b, \"\"c\"\"\n\",\"17\",put,64,6\r\n"
                               "a,user:1,\"put\",8,7";
    struct mk_optrace_writer writer;
    struct mk_optrace_import said;
    struct mk_err err;
    struct list list = {.at = mk_need(ROOM, sizeof *list.at)};
    CHECK_EQ(import(text, &writer, &said, &err), 0);
    CHECK_STR(err.text, "");
    CHECK(said.rows == 3 && said.hashed == 1 && said.threads == 2 && said.timed);
    CHECK_EQ(read_bytes(writer.out.at, writer.out.n, false, &list), 0);
    CHECK_EQ(list.n, 3);
    CHECK(list.at[0].code == MK_RECORD_GET && list.at[0].key == 16 && list.at[0].size == 0 &&
          list.at[0].time_ns == 5);
    CHECK(list.at[1].thread == 0 && list.at[1].key == mk_record_key("user:1", 6) && list.at[1].time_ns == 7);
    CHECK(list.at[2].thread == 1 && list.at[2].key == 17 && list.at[2].size == 64);
    CHECK_EQ(mk_record_key("a", 1), 0xaf63dc4c8601ec8cu); /* FNV-1a's own example */
    mk_optrace_info_free(&list.info);
    mk_optrace_writer_free(&writer);
    free(list.at);
}

TEST(csv_errors_name_the_place_and_the_remedy) {
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "in.csv:1:1: there is nothing: the first line names the columns"},
        {"op,key\n", "in.csv:2:1: there are no operations"},
        {"key,size\n1,2\n", "in.csv:1:1: no column is called \"op\""},
        {"op,kye\nget,1\n", "in.csv:1:4: no column is called \"kye\", did you mean \"key\"?"},
        {"op,key,op\n", "in.csv:1:8: two columns are called \"op\""},
        {"op,key\nget,1\ngte,2\n", "in.csv:3:1: there is no operation \"gte\", did you mean \"get\"?"},
        {"op,key\nget,1\nget\n", "in.csv:3:1: 1 fields, where the first line names 2"},
        {"op,key\nget,\n", "in.csv:2:5: get needs a key"},
        {"op\nget\n", "in.csv:2:1: get needs a key: add a column"},
        {"op,key,size\nput,1,-4\n", "in.csv:2:7: \"-4\" is no whole number"},
        {"op,key,size\nput,1,18446744073709551616\n", "in.csv:2:7: \"18446744073709551616\" is no whole number"},
        {"op,key,time_ns\nput,1,\n", "in.csv:2:7: \"\" is no whole number"},
        {"op,key,time_ns\nput,1,5\nput,1,4\n", "in.csv:3:7: time goes backwards"},
        {"op,key\nput,\"1\n", "in.csv:2:5: a quote that does not end"},
        {"op,key\nput,\"1\"x\n", "in.csv:2:8: something follows a quoted field"},
        {"op,key\nput,\"a\nb\",2\n", "in.csv:2:1: 3 fields"},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n", "in.csv:1:33: more than 16 fields"},
    };
    struct mk_optrace_writer writer;
    struct mk_optrace_import said;
    struct mk_err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(import(cases[i].text, &writer, &said, &err), -1);
        if (!strstr(err.text, cases[i].said))
            mk_test_fail(__FILE__, __LINE__, "\"%s\" is not said: %s", cases[i].said, err.text);
        mk_optrace_writer_free(&writer);
    }
}

TEST(queues_need_no_keys_to_take_out) {
    struct mk_optrace_writer writer;
    struct mk_optrace_import said;
    struct mk_err err;
    CHECK_EQ(import("op,key\nenqueue,7\ndequeue,\n", &writer, &said, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(said.hashed, 0);
    mk_optrace_writer_free(&writer);
    CHECK_EQ(import("op\ndequeue\npop\n", &writer, &said, &err), 0);
    mk_optrace_writer_free(&writer);
}

TEST(export_and_import_are_each_other_s_reverse) {
    struct mk_optrace_writer first, again;
    struct mk_optrace_import said;
    struct mk_optrace_info info;
    struct mk_text csv = {0};
    struct mk_err err = {""};
    struct list one, two;
    char path[256], copy[256];
    fresh(path, sizeof path);
    fresh(copy, sizeof copy);
    mk_optrace_begin(&first, "test", "d", "c", "m");
    for (uint64_t i = 0, time = 0; i < 60000; i++) {
        uint32_t code = (uint32_t)(MK_OPTRACE_FIRST_OP + i % (MK_RECORD_OPS - MK_OPTRACE_FIRST_OP));
        struct mk_optrace_record record = {(uint32_t)(i * i % 7), code, 0, i % 100, time += i * i % 5000};
        if (mk_optrace_ops[code].keyed) record.key = i * 0x9e3779b97f4a7c15u;
        mk_optrace_add(&first, &record);
    }
    mk_optrace_end(&first, 0);
    save(path, first.out.at, first.out.n);
    CHECK_EQ(mk_optrace_export(path, false, &csv, &info, &err), 0);
    CHECK_EQ(import(csv.at, &again, &said, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_EQ(said.hashed, 0);
    save(copy, again.out.at, again.out.n);
    read_list(&one, path, false);
    read_list(&two, copy, false);
    CHECK(one.info.blocks > 7);
    CHECK_EQ(one.n, 60000);
    CHECK_EQ(two.n, one.n);
    uint32_t renamed[7] = {9, 9, 9, 9, 9, 9, 9}, names = 0;
    for (size_t i = 0; i < one.n && i < two.n; i++) {
        /* threads are numbered as they come in the CSV file, which has the order of the blocks */
        if (renamed[one.at[i].thread] == 9) renamed[one.at[i].thread] = names++;
    }
    uint64_t sums[2][4] = {{0}};
    for (size_t i = 0; i < one.n && i < two.n; i++) {
        const struct mk_optrace_record *both[] = {&one.at[i], &two.at[i]};
        for (unsigned s = 0; s < 2; s++) {
            uint32_t thread = s ? both[s]->thread : renamed[both[s]->thread];
            sums[s][0] += mk_mix64(both[s]->key ^ mk_mix64(both[s]->time_ns));
            sums[s][1] += mk_mix64(both[s]->size ^ mk_mix64(both[s]->code));
            sums[s][2] += mk_mix64(thread ^ mk_mix64(both[s]->time_ns * 16 + both[s]->code));
            sums[s][3] += both[s]->time_ns;
        }
    }
    for (unsigned k = 0; k < 4; k++) CHECK_EQ(sums[0][k], sums[1][k]);
    free_list(&one);
    free_list(&two);
    mk_optrace_info_free(&info);
    mk_text_free(&csv);
    mk_optrace_writer_free(&first);
    mk_optrace_writer_free(&again);
    unlink(path);
    unlink(copy);
}
