/* wire.c - see wire.h. Little-endian fixed-width numbers; both ends are the same program. */
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "finding.h"
#include "plan.h"
#include "sample.h"

#define HEADER_BYTES 16
#define FRAME_MAGIC 0x6b6d656du
#define FRAME_BYTES_MAX (512u << 20)

static const struct mk_field hello_fields[] = {
    {"build_id", MK_FIELD_U64, 0, MK_AT(mk_hello, build_id), NULL, NULL, 0, 0, NULL, "digest of the build"},
    {"cells_digest", MK_FIELD_U64, 0, MK_AT(mk_hello, cells_digest), NULL, NULL, 0, 0, NULL, "what the cells of the plan stand for there; 0 before the plan"},
    {"wire_digest", MK_FIELD_U64, 0, MK_AT(mk_hello, wire_digest), NULL, NULL, 0, 0, NULL, "how it encodes frames"},
    {"pid", MK_FIELD_U64, 0, MK_AT(mk_hello, pid), NULL, NULL, 0, 0, NULL, "process id"},
    {0}};
const struct mk_record mk_hello_record = {"hello", sizeof(struct mk_hello), hello_fields, "a worker's first words"};

static const struct mk_field order_fields[] = {
    {"sort", MK_FIELD_U32, 0, MK_AT(mk_order, sort), NULL, NULL, 0, 0, NULL, "measure or memory"},
    {"process", MK_FIELD_U32, 0, MK_AT(mk_order, process), NULL, NULL, 0, 0, NULL, "index of the worker process"},
    {"cells", MK_FIELD_U64_LIST, 0, MK_LIST_AT(mk_order, cells), NULL, NULL, 0, 0, NULL, "indices of the cells"},
    {0}};
const struct mk_record mk_order_record = {"order", sizeof(struct mk_order), order_fields, "what a worker is to run"};

static const struct mk_field progress_note_fields[] = {
    {"cell", MK_FIELD_U32, 0, MK_AT(mk_progress_note, cell), NULL, NULL, 0, 0, NULL, "index"},
    {"round", MK_FIELD_U32, 0, MK_AT(mk_progress_note, round), NULL, NULL, 0, 0, NULL, "index"},
    {"stage", MK_FIELD_TEXT, 0, MK_AT(mk_progress_note, stage), NULL, NULL, 0, 0, NULL, "what is being done"},
    {"expected_s", MK_FIELD_F64, 0, MK_AT(mk_progress_note, expected_s), NULL, NULL, 0, 0, NULL, "how long it may take"},
    {0}};
const struct mk_record mk_progress_note_record = {"progress_note", sizeof(struct mk_progress_note),
                                                  progress_note_fields, "what a worker begins with"};

#define ENTRY(STRUCT, MEMBER, TYPE, HELP) {#MEMBER, TYPE, 0, MK_AT(STRUCT, MEMBER), NULL, NULL, 0, 0, NULL, HELP}
#define ENTRIES(STRUCT, MEMBER, TYPE, HELP) {#MEMBER, TYPE, 0, MK_LIST_AT(STRUCT, MEMBER), NULL, NULL, 0, 0, NULL, HELP}

static const struct mk_field hunt_order_fields[] = {
    ENTRY(mk_hunt_order, seed, MK_FIELD_U64, "of the first pass"),
    ENTRY(mk_hunt_order, effort_percent, MK_FIELD_U32, "of every trial; 0: growing"),
    ENTRY(mk_hunt_order, seconds, MK_FIELD_F64, "no trial begins later"),
    ENTRY(mk_hunt_order, begin, MK_FIELD_U64, "number of the first attempt"),
    ENTRY(mk_hunt_order, stop_at_first, MK_FIELD_BOOL, "finding"),
    ENTRIES(mk_hunt_order, oracles, MK_FIELD_TEXT_LIST, "patterns"),
    ENTRIES(mk_hunt_order, pressures, MK_FIELD_TEXT_LIST, "names"),
    ENTRIES(mk_hunt_order, cells, MK_FIELD_U64_LIST, "indices of the cells"),
    ENTRIES(mk_hunt_order, dead, MK_FIELD_TEXT_LIST, "what is not to be tried any more"),
    ENTRY(mk_hunt_order, schedules, MK_FIELD_U64, "of a trial; 0: by the effort"),
    ENTRY(mk_hunt_order, memory, MK_FIELD_TEXT, "model that loads go by"),
    ENTRY(mk_hunt_order, strategy, MK_FIELD_TEXT, "that makes schedules"),
    ENTRY(mk_hunt_order, searches, MK_FIELD_BOOL, "carry out all schedules within bounds"),
    ENTRY(mk_hunt_order, freeze, MK_FIELD_BOOL, "stop a thread for ever"),
    ENTRY(mk_hunt_order, no_races, MK_FIELD_BOOL, "go on after data races"),
    ENTRY(mk_hunt_order, preemptions, MK_FIELD_U32, "of a search"),
    ENTRY(mk_hunt_order, stale, MK_FIELD_U32, "reads of a search"),
    {0}};
const struct mk_record mk_hunt_order_record = {"hunt_order", sizeof(struct mk_hunt_order), hunt_order_fields,
                                               "what a worker is to put under stress"};

static const struct mk_field attempt_fields[] = {
    ENTRY(mk_attempt, number, MK_FIELD_U64, "of the attempt"),
    ENTRY(mk_attempt, cell, MK_FIELD_U32, "index"),
    ENTRY(mk_attempt, oracle, MK_FIELD_TEXT, "what is tried"),
    ENTRY(mk_attempt, pressure, MK_FIELD_TEXT, "under what"),
    ENTRY(mk_attempt, seed, MK_FIELD_U64, "of the trial"),
    ENTRY(mk_attempt, effort_percent, MK_FIELD_U32, "how much of it"),
    {0}};
const struct mk_record mk_attempt_record = {"attempt", sizeof(struct mk_attempt), attempt_fields, "a trial that begins"};

static const struct {
    const char *name;
    const struct mk_record *record;
} frames[MK_FRAME_TYPES] = {
    [MK_FRAME_HELLO] = {"hello", &mk_hello_record},
    [MK_FRAME_PLAN] = {"plan", &mk_plan_record},
    [MK_FRAME_ORDER] = {"order", &mk_order_record},
    [MK_FRAME_HUNT] = {"hunt", &mk_hunt_order_record},
    [MK_FRAME_PROGRESS] = {"progress", &mk_progress_note_record},
    [MK_FRAME_ROUND] = {"round", &mk_round_sample_record},
    [MK_FRAME_LATENCY] = {"latency", &mk_latency_sample_record},
    [MK_FRAME_MEMORY] = {"memory", &mk_memory_sample_record},
    [MK_FRAME_CHECK] = {"check", &mk_check_sample_record},
    [MK_FRAME_ATTEMPT] = {"attempt", &mk_attempt_record},
    [MK_FRAME_TRIAL] = {"trial", &mk_trial_record},
    [MK_FRAME_FINDING] = {"finding", &mk_finding_record},
    [MK_FRAME_DONE] = {"done", NULL},
};

const struct mk_record *mk_frame_record(uint32_t type) {
    return type < MK_FRAME_TYPES ? frames[type].record : NULL;
}

const char *mk_frame_name(uint32_t type) {
    return type < MK_FRAME_TYPES ? frames[type].name : "unknown";
}

static uint64_t digest_record(uint64_t hash, const struct mk_record *record) {
    for (const struct mk_field *field = record->fields; field->name; field++) {
        for (const char *c = field->name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
        hash = (hash ^ (uint64_t)field->type) * 0x100000001b3u;
        if (field->record) hash = digest_record(hash, field->record);
    }
    return hash;
}

uint64_t mk_wire_digest(void) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t type = 0; type < MK_FRAME_TYPES; type++) {
        if (frames[type].record) hash = digest_record(hash * 31 + type, frames[type].record);
    }
    return hash;
}

/* ---- encoding ----------------------------------------------------------------------------- */

struct out {
    unsigned char *bytes;
    size_t n, room;
};

static void put(struct out *out, const void *from, size_t n) {
    if (out->n + n > out->room) {
        out->room = (out->n + n) * 2 + 64;
        out->bytes = mk_need_more(out->bytes, out->room, 1);
    }
    if (n) memcpy(out->bytes + out->n, from, n);
    out->n += n;
}

static void put_number(struct out *out, uint64_t number) {
    put(out, &number, sizeof number);
}

/* NULL and "" differ: 0 is NULL, otherwise length + 1. */
static void put_text(struct out *out, const char *text) {
    put_number(out, text ? strlen(text) + 1 : 0);
    if (text) put(out, text, strlen(text));
}

static void put_record(struct out *out, const struct mk_record *record, const void *obj);

static void put_list(struct out *out, const struct mk_field *field, const unsigned char *base) {
    const unsigned char *list = *(unsigned char *const *)(const void *)(base + field->offset);
    size_t n = *(const size_t *)(const void *)(base + field->count_offset);
    put_number(out, n);
    switch (field->type) {
    case MK_FIELD_TEXT_LIST:
        for (size_t i = 0; i < n; i++) put_text(out, ((char *const *)(const void *)list)[i]);
        break;
    case MK_FIELD_RECORD_LIST:
        for (size_t i = 0; i < n; i++) put_record(out, field->record, list + i * field->record->size);
        break;
    case MK_FIELD_SHARES:
        for (size_t i = 0; i < n; i++) {
            const struct mk_share *share = (const struct mk_share *)(const void *)list + i;
            put_text(out, share->name);
            put(out, &share->value, sizeof share->value);
        }
        break;
    default: put(out, list, n * 8); break; /* U64_LIST, F64_LIST, COUNTS */
    }
}

static void put_record(struct out *out, const struct mk_record *record, const void *obj) {
    for (const struct mk_field *field = record->fields; field->name; field++) {
        const unsigned char *at = (const unsigned char *)obj + field->offset;
        switch (field->type) {
        case MK_FIELD_BOOL: put_number(out, *(const bool *)at); break;
        case MK_FIELD_U32:
        case MK_FIELD_ENUM: put_number(out, *(const uint32_t *)(const void *)at); break;
        case MK_FIELD_U64:
        case MK_FIELD_F64: put(out, at, 8); break;
        case MK_FIELD_TEXT:
        case MK_FIELD_RAW: put_text(out, *(char *const *)(const void *)at); break;
        case MK_FIELD_RECORD: put_record(out, field->record, at); break;
        default: put_list(out, field, obj); break;
        }
    }
}

void mk_wire_encode(const struct mk_record *record, const void *obj, unsigned char **bytes, size_t *n) {
    struct out out = {*bytes, *n, *n};
    put_record(&out, record, obj);
    *bytes = out.bytes;
    *n = out.n;
}

/* ---- decoding ----------------------------------------------------------------------------- */

struct in {
    const unsigned char *at, *end;
    const char *wrong; /* first thing that did not fit */
};

static void get(struct in *in, void *to, size_t n) {
    if ((size_t)(in->end - in->at) < n) {
        if (!in->wrong) in->wrong = "it is cut short";
        memset(to, 0, n);
        return;
    }
    memcpy(to, in->at, n);
    in->at += n;
}

static uint64_t get_number(struct in *in) {
    uint64_t number;
    get(in, &number, sizeof number);
    return number;
}

static char *get_text(struct in *in) {
    uint64_t length = get_number(in);
    if (!length) return NULL;
    length--;
    if (length > (uint64_t)(in->end - in->at)) {
        if (!in->wrong) in->wrong = "a text is longer than the frame";
        return NULL;
    }
    char *text = mk_need(length + 1, 1);
    get(in, text, length);
    return text;
}

static void get_record(struct in *in, const struct mk_record *record, void *obj, int depth);

static void get_list(struct in *in, const struct mk_field *field, unsigned char *base, int depth) {
    uint64_t n = get_number(in);
    size_t element = field->type == MK_FIELD_RECORD_LIST ? field->record->size
                     : field->type == MK_FIELD_SHARES    ? sizeof(struct mk_share)
                                                         : 8;
    /* Every element takes at least a byte of the frame, so a count cannot ask for more than that. */
    if (in->wrong || n > (uint64_t)(in->end - in->at)) {
        if (!in->wrong) in->wrong = "a list is longer than the frame";
        return;
    }
    if (!n) return;
    unsigned char *list = mk_need(n, element);
    *(unsigned char **)(void *)(base + field->offset) = list;
    *(size_t *)(void *)(base + field->count_offset) = n;
    for (uint64_t i = 0; i < n && !in->wrong; i++) {
        unsigned char *at = list + i * element;
        switch (field->type) {
        case MK_FIELD_TEXT_LIST: *(char **)(void *)at = get_text(in); break;
        case MK_FIELD_RECORD_LIST: get_record(in, field->record, at, depth + 1); break;
        case MK_FIELD_SHARES: {
            struct mk_share *share = (struct mk_share *)(void *)at;
            share->name = get_text(in);
            get(in, &share->value, sizeof share->value);
            break;
        }
        default: get(in, at, 8); break;
        }
    }
}

static void get_record(struct in *in, const struct mk_record *record, void *obj, int depth) {
    if (depth > 16) {
        in->wrong = "it is nested too deep";
        return;
    }
    for (const struct mk_field *field = record->fields; field->name && !in->wrong; field++) {
        unsigned char *at = (unsigned char *)obj + field->offset;
        switch (field->type) {
        case MK_FIELD_BOOL: *(bool *)at = get_number(in) != 0; break;
        case MK_FIELD_U32:
        case MK_FIELD_ENUM: {
            uint64_t number = get_number(in);
            if (number > UINT32_MAX) in->wrong = "a number is out of range";
            *(uint32_t *)(void *)at = (uint32_t)number;
            break;
        }
        case MK_FIELD_U64:
        case MK_FIELD_F64: get(in, at, 8); break;
        case MK_FIELD_TEXT:
        case MK_FIELD_RAW: *(char **)(void *)at = get_text(in); break;
        case MK_FIELD_RECORD: get_record(in, field->record, at, depth + 1); break;
        default: get_list(in, field, obj, depth); break;
        }
    }
}

int mk_wire_decode(const struct mk_record *record, const unsigned char *bytes, size_t n, void *obj,
                   struct mk_err *err) {
    struct in in = {bytes, bytes + n, NULL};
    memset(obj, 0, record->size);
    get_record(&in, record, obj, 0);
    if (!in.wrong && in.at != in.end) in.wrong = "bytes are left over";
    if (!in.wrong) return 0;
    mk_record_free(record, obj);
    return mk_fail(err, "a frame with a %s is broken: %s", record->name, in.wrong);
}

/* ---- frames ------------------------------------------------------------------------------- */

static int write_all(int fd, const unsigned char *bytes, size_t n, struct mk_err *err) {
    while (n) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return mk_fail(err, "cannot write to the other process: %s", strerror(errno));
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

int mk_wire_send(int fd, uint32_t type, const void *obj, struct mk_err *err) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    struct out out = {0};
    uint32_t header[4] = {FRAME_MAGIC, type, 0, 0};
    put(&out, header, HEADER_BYTES);
    if (frames[type].record) put_record(&out, frames[type].record, obj);
    uint64_t length = out.n - HEADER_BYTES;
    memcpy(out.bytes + 8, &length, sizeof length);
    pthread_mutex_lock(&one_at_a_time);
    int failed = write_all(fd, out.bytes, out.n, err);
    pthread_mutex_unlock(&one_at_a_time);
    free(out.bytes);
    return failed;
}

int mk_wire_fill(struct mk_wire_in *in, struct mk_err *err) {
    if (in->room - in->n < 65536) {
        in->room = in->room * 2 + 131072;
        in->bytes = mk_need_more(in->bytes, in->room, 1);
    }
    ssize_t got;
    do {
        got = read(in->fd, in->bytes + in->n, in->room - in->n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return mk_fail(err, "cannot read from the other process: %s", strerror(errno));
    in->n += (size_t)got;
    return got > 0;
}

int mk_wire_next(struct mk_wire_in *in, uint32_t *type, void **obj, struct mk_err *err) {
    uint32_t header[2];
    uint64_t length;
    if (in->n < HEADER_BYTES) return 0;
    memcpy(header, in->bytes, sizeof header);
    memcpy(&length, in->bytes + 8, sizeof length);
    if (header[0] != FRAME_MAGIC || header[1] >= MK_FRAME_TYPES || length > FRAME_BYTES_MAX) {
        return mk_fail(err, "what came is no frame (%08x, type %u, %llu bytes)", header[0], header[1],
                       (unsigned long long)length);
    }
    if (in->n < HEADER_BYTES + length) return 0;
    const struct mk_record *record = frames[header[1]].record;
    *type = header[1];
    *obj = NULL;
    if (record) {
        *obj = mk_need(1, record->size);
        if (mk_wire_decode(record, in->bytes + HEADER_BYTES, length, *obj, err)) {
            free(*obj);
            *obj = NULL;
            return -1;
        }
    } else if (length) {
        return mk_fail(err, "a %s frame carries %llu bytes too many", frames[header[1]].name, (unsigned long long)length);
    }
    in->n -= HEADER_BYTES + length;
    memmove(in->bytes, in->bytes + HEADER_BYTES + length, in->n);
    return 1;
}

void mk_wire_in_free(struct mk_wire_in *in) {
    free(in->bytes);
    memset(in, 0, sizeof *in);
}
