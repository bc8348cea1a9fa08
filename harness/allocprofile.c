/* allocprofile.c - the table of the profile format, reading it, and what the table cannot say. */
#include "allocprofile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define WITH_TYPE(TYPE, STRUCT, MEMBER) \
    .name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_AT(STRUCT, MEMBER)
#define WITH_LIST(TYPE, STRUCT, MEMBER) \
    .name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_LIST_AT(STRUCT, MEMBER)
#define BYTES .min = 1, .max = (double)MK_PROFILE_BYTES_MAX
#define WEIGHT .min = 0, .max = 0x1p48
#define SHARE .min = 0, .max = 1

static const char *const pattern_names[] = {"drawn", "growing_sizes", "page_survivors", "realloc_growth", NULL};

static const struct mk_field size_fields[] = {
    {WITH_TYPE(U64, mk_profile_size, bytes), .flags = MK_FIELD_REQUIRED, BYTES,
     .help = "Size of the blocks, or the mean where there are several sizes. No two entries have the same; "
             "malloc(0) counts as one byte."},
    {WITH_TYPE(U64, mk_profile_size, spread_bytes), .min = 0, .max = (double)MK_PROFILE_BYTES_MAX,
     .help = "How much smaller or larger they may be: every size between alike. Less than `bytes`."},
    {WITH_TYPE(U64, mk_profile_size, count), WEIGHT,
     .help = "How many are allocated, beside the other entries' counts; those that a realloc makes are not among "
             "them."},
    {WITH_TYPE(U64, mk_profile_size, zeroed), WEIGHT, .help = "How many of `count` are asked for zeroed (calloc)."},
    {WITH_TYPE(U64, mk_profile_size, aligned), WEIGHT,
     .help = "How many of `count` have an alignment of their own."},
    {WITH_TYPE(U64, mk_profile_size, align_bytes), .min = 1, .max = 0x1p30, .preset = "64",
     .help = "Which: a power of two."},
    {WITH_LIST(U64_LIST, mk_profile_size, when), WEIGHT,
     .help = "How many are allocated in each sixteenth of the run; left out, as many in each."},
    {WITH_LIST(F64_LIST, mk_profile_size, lives), WEIGHT,
     .help =
         "Classes of lifetimes: the mean of each, in allocations that all threads make meanwhile. Within a class "
         "lives are spread evenly, as far as the next power of two on either side allows."},
    {WITH_LIST(U64_LIST, mk_profile_size, freed), WEIGHT, .help = "How many of each class their own thread frees."},
    {WITH_LIST(U64_LIST, mk_profile_size, crossed), WEIGHT, .help = "How many of each class another thread frees."},
    {WITH_LIST(U64_LIST, mk_profile_size, resized), WEIGHT,
     .help = "How many of each class a realloc by their own thread takes."},
    {WITH_TYPE(U64, mk_profile_size, at_end), WEIGHT,
     .help = "How many their own thread frees when it ends: after its last allocation."},
    {WITH_TYPE(U64, mk_profile_size, kept), WEIGHT, .help = "How many nobody frees."},
    {WITH_LIST(U64_LIST, mk_profile_size, resized_to), BYTES,
     .help = "What a realloc makes of them: the `bytes` of entries. Within an entry of several sizes blocks grow."},
    {WITH_LIST(U64_LIST, mk_profile_size, resized_to_count), WEIGHT, .help = "And how often it makes which."},
    {WITH_TYPE(F64, mk_profile_size, pareto_alpha), .min = 0, .max = 100, .preset = "0",
     .help = "Above 0, lives come from a Pareto distribution with this index in place of `lives`: the smaller, the "
             "longer its tail. `freed`, `crossed` and `resized` then have one number each."},
    {WITH_TYPE(F64, mk_profile_size, pareto_min), .min = 0, .max = 0x1p48, .preset = "1",
     .help = "The shortest such life."},
    {0}};
static const struct mk_record size_record = {
    "size", sizeof(struct mk_profile_size), size_fields,
    "Blocks of one size, or of neighbouring sizes. Counts are weights: what matters is their ratio. What becomes "
    "of "
    "a block is drawn from `freed`, `crossed`, `resized`, `at_end` and `kept` together."};

static const struct mk_field threads_fields[] = {
    {WITH_TYPE(U32, mk_profile_threads, threads), .min = 1, .max = MK_PROFILE_THREADS_MAX, .preset = "1",
     .help = "How many."},
    {WITH_TYPE(U64, mk_profile_threads, allocations), WEIGHT, .preset = "1",
     .help = "How many allocations they make together, beside other entries; those of realloc are not among them."},
    {WITH_TYPE(U64, mk_profile_threads, frees_of_others), WEIGHT, .preset = "1",
     .help = "How many blocks of other threads they free together, beside other entries."},
    {WITH_TYPE(F64, mk_profile_threads, begins_frac), SHARE, .preset = "0",
     .help = "When the first of them begins, as a share of the run, in allocations."},
    {WITH_TYPE(F64, mk_profile_threads, ends_frac), SHARE, .preset = "1",
     .help = "When the last of them ends; 1 is with the program."},
    {WITH_TYPE(F64, mk_profile_threads, life_frac), SHARE, .preset = "0",
     .help = "How long each of them lives; 0 is from begin to end. Short lives are spread evenly between the two."},
    {0}};
static const struct mk_record threads_record = {"threads", sizeof(struct mk_profile_threads), threads_fields,
                                                "Threads that do the same."};

static const struct mk_field shape_fields[] = {
    {WITH_TYPE(U64, mk_profile_shape, live_bytes), BYTES, .preset = "16777216",
     .help = "The most that is live at a time, of all threads together."},
    {WITH_TYPE(U64, mk_profile_shape, min_bytes), BYTES, .preset = "16", .help = "The smallest block."},
    {WITH_TYPE(U64, mk_profile_shape, max_bytes), BYTES, .preset = "4096", .help = "The largest block."},
    {WITH_TYPE(F64, mk_profile_shape, growth), .min = 1, .max = 1024, .preset = "2",
     .help = "growing_sizes, realloc_growth: how many times as large the next size is."},
    {WITH_TYPE(U64, mk_profile_shape, survivor_every), WEIGHT, .preset = "0",
     .help = "growing_sizes: one block in so many is not freed; 0 is none."},
    {WITH_TYPE(U64, mk_profile_shape, page_bytes), BYTES, .preset = "4096",
     .help = "page_survivors: one block in so many bytes is not freed."},
    {0}};
static const struct mk_record shape_record = {"shape", sizeof(struct mk_profile_shape), shape_fields,
                                              "What a pattern works on."};

static const struct mk_field fitted_fields[] = {
    {WITH_TYPE(TEXT, mk_profile_fitted, command), .help = "What was recorded."},
    {WITH_TYPE(TEXT, mk_profile_fitted, date), .help = "When, in UTC."},
    {WITH_TYPE(U64, mk_profile_fitted, checksum), .flags = MK_FIELD_HEX, .help = "Of the trace."},
    {WITH_TYPE(U64, mk_profile_fitted, events), .help = "Its events."},
    {WITH_TYPE(U64, mk_profile_fitted, allocations), .help = "Allocations, those that a realloc makes among them."},
    {WITH_TYPE(U64, mk_profile_fitted, reallocs), .help = "Reallocs."},
    {WITH_TYPE(U64, mk_profile_fitted, frees), .help = "Blocks that are freed or taken by realloc."},
    {WITH_TYPE(U64, mk_profile_fitted, crossing_frees), .help = "By another thread than the one that allocated."},
    {WITH_TYPE(U64, mk_profile_fitted, peak_live_bytes), .help = "The most that was live at a time."},
    {WITH_TYPE(U64, mk_profile_fitted, peak_live_blocks), .help = "The most blocks."},
    {0}};
static const struct mk_record fitted_record = {
    "fitted", sizeof(struct mk_profile_fitted), fitted_fields,
    "What the profile was fitted to, for comparison; nothing is made of it."};

static const struct mk_field profile_fields[] = {
    {WITH_TYPE(TEXT, mk_allocprofile, schema), .flags = MK_FIELD_REQUIRED,
     .help = "Format of the file: \"" MK_PROFILE_SCHEMA "\"."},
    {WITH_TYPE(TEXT, mk_allocprofile, name), .flags = MK_FIELD_REQUIRED, .help = "What it is called."},
    {WITH_TYPE(TEXT, mk_allocprofile, about), .help = "What it is and why, in a sentence."},
    {WITH_TYPE(U64, mk_allocprofile, events), .min = 1, .max = (double)MK_PROFILE_EVENTS_MAX, .preset = "1000000",
     .help = "How many events a trace of it has, about, where nobody asks for another number. Lives stay as long "
             "as they are."},
    {WITH_TYPE(F64, mk_allocprofile, allocations_per_s), .min = 0, .max = 1e12, .preset = "0",
     .help = "How many allocations a second, of all threads: what times are made of. 0 is no times."},
    {WITH_TYPE(ENUM, mk_allocprofile, pattern), .names = pattern_names, .preset = "\"drawn\"",
     .help =
         "Where events come from: drawn from `sizes`, or one of the patterns that hurt allocators, on `shape`."},
    {WITH_TYPE(RECORD, mk_allocprofile, shape), .record = &shape_record, .help = "What a pattern works on."},
    {WITH_LIST(RECORD_LIST, mk_allocprofile, threads), .record = &threads_record,
     .help = "Threads; left out, there is one. A pattern takes their number alone."},
    {WITH_LIST(RECORD_LIST, mk_allocprofile, sizes), .record = &size_record, .help = "Which blocks are asked for."},
    {WITH_TYPE(RECORD, mk_allocprofile, fitted), .record = &fitted_record, .help = "What it was fitted to."},
    {0}};
const struct mk_record mk_allocprofile_record = {
    "profile", sizeof(struct mk_allocprofile), profile_fields,
    "A profile says what a program's allocations are like; `memkit-bench trace profile` fits one to a trace."};

/* ---- what the table cannot say ------------------------------------------------------------- */

struct check {
    struct mk_json *doc;
    uint32_t node; /* of the entry */
};

static uint32_t at_key(const struct check *c, const char *key) {
    uint32_t node = mk_json_get(c->doc, c->node, key);
    return node == MK_JSON_NONE ? c->node : node;
}

#define WRONG(C, KEY, ...) mk_json_error((C)->doc, at_key(C, KEY), __VA_ARGS__)

/* Sums of weights stay below 2^63: few of them, each of at most 2^48. */
static uint64_t sum_of(const uint64_t *list, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += list[i];
    return sum;
}

static void check_by_class(struct check *c, const char *key, size_t n, size_t classes, bool pareto) {
    if (!n || n == classes) return;
    if (pareto) {
        WRONG(c, key, "\"%s\" has %zu numbers: with \"pareto_alpha\" there is one class of lives", key, n);
    } else {
        WRONG(c, key, "\"%s\" has %zu numbers and \"lives\" %zu: give one for each class", key, n, classes);
    }
}

static void check_fates(struct check *c, const struct mk_profile_size *size) {
    bool pareto = size->pareto_alpha > 0;
    size_t classes = pareto ? 1 : size->lives_n;
    uint64_t resized = sum_of(size->resized, size->resized_n);
    if (pareto && size->lives_n) WRONG(c, "lives", "give either \"lives\" or \"pareto_alpha\"");
    if (size->lives_n > MK_PROFILE_LIVES_MAX) {
        WRONG(c, "lives", "%zu classes are too many: give at most %u", size->lives_n, MK_PROFILE_LIVES_MAX);
    }
    check_by_class(c, "freed", size->freed_n, classes, pareto);
    check_by_class(c, "crossed", size->crossed_n, classes, pareto);
    check_by_class(c, "resized", size->resized_n, classes, pareto);
    if (!(sum_of(size->freed, size->freed_n) + sum_of(size->crossed, size->crossed_n) + resized + size->at_end +
          size->kept)) {
        mk_json_error(c->doc, c->node,
                      "\"freed\", \"crossed\", \"resized\", \"at_end\" and \"kept\" add up to 0: nothing says what "
                      "becomes of blocks of %llu bytes", (unsigned long long)size->bytes);
    }
    if (resized && !sum_of(size->resized_to_count, size->resized_to_count_n))
        WRONG(c, "resized", "\"resized_to_count\" adds up to 0: nothing says what these blocks become");
}

static const struct mk_profile_size *find_size(const struct mk_allocprofile *profile, uint64_t bytes) {
    for (size_t i = 0; i < profile->sizes_n; i++) {
        if (profile->sizes[i].bytes == bytes) return &profile->sizes[i];
    }
    return NULL;
}

static void check_targets(struct check *c, const struct mk_allocprofile *profile,
                          const struct mk_profile_size *size) {
    if (size->resized_to_n != size->resized_to_count_n) {
        WRONG(c, "resized_to_count",
              "\"resized_to\" has %zu numbers and \"resized_to_count\" %zu: give one for each", size->resized_to_n,
              size->resized_to_count_n);
        return;
    }
    if (size->resized_to_n > MK_PROFILE_SIZES_MAX) {
        WRONG(c, "resized_to", "%zu sizes are too many: give at most %u", size->resized_to_n, MK_PROFILE_SIZES_MAX);
        return;
    }
    for (size_t i = 0; i < size->resized_to_n; i++) {
        if (find_size(profile, size->resized_to[i])) continue;
        WRONG(c, "resized_to", "\"resized_to\" names %llu, and no entry of \"sizes\" has that for its \"bytes\"",
              (unsigned long long)size->resized_to[i]);
    }
}

static void check_size(struct check *c, const struct mk_allocprofile *profile, const struct mk_profile_size *size) {
    if (size->spread_bytes >= size->bytes) {
        WRONG(c, "spread_bytes", "\"spread_bytes\" is %llu, not less than \"bytes\", which is %llu",
              (unsigned long long)size->spread_bytes, (unsigned long long)size->bytes);
    }
    if (size->zeroed + size->aligned > size->count) {
        WRONG(c, "count", "\"zeroed\" and \"aligned\" are %llu together, more than \"count\", which is %llu",
              (unsigned long long)(size->zeroed + size->aligned), (unsigned long long)size->count);
    }
    if (size->align_bytes & (size->align_bytes - 1)) {
        WRONG(c, "align_bytes", "\"align_bytes\" is %llu, not a power of two",
              (unsigned long long)size->align_bytes);
    }
    if (size->when_n && size->when_n != MK_PROFILE_STRETCHES) {
        WRONG(c, "when", "\"when\" has %zu numbers: give %u, or leave it out", size->when_n, MK_PROFILE_STRETCHES);
    } else if (size->when_n && size->count && !sum_of(size->when, size->when_n)) {
        WRONG(c, "when", "\"when\" adds up to 0: leave it out for evenly");
    }
    if (find_size(profile, size->bytes) != size)
        WRONG(c, "bytes", "two entries have %llu bytes", (unsigned long long)size->bytes);
    check_fates(c, size);
    check_targets(c, profile, size);
}

static void check_sizes(struct mk_json *doc, const struct mk_allocprofile *profile) {
    uint32_t list = mk_json_get(doc, MK_JSON_ROOT, "sizes");
    struct check c = {doc, mk_json_first(doc, list)};
    uint64_t counts = 0;
    if (profile->sizes_n > MK_PROFILE_SIZES_MAX) {
        mk_json_error(doc, list, "%zu \"sizes\" are too many: give at most %u", profile->sizes_n,
                      MK_PROFILE_SIZES_MAX);
        return;
    }
    for (size_t i = 0; i < profile->sizes_n; i++, c.node = mk_json_next(doc, c.node)) {
        counts += profile->sizes[i].count;
        if (!mk_json_spoiled(doc, c.node)) check_size(&c, profile, &profile->sizes[i]);
    }
    if (profile->pattern != MK_PROFILE_DRAWN && profile->sizes_n) {
        mk_json_error(doc, list, "give either \"sizes\" or a \"pattern\" that works on \"shape\"");
    } else if (profile->pattern == MK_PROFILE_DRAWN && !profile->sizes_n) {
        mk_json_error(doc, list == MK_JSON_NONE ? MK_JSON_ROOT : list,
                      "there are no \"sizes\", and no \"pattern\" in their place");
    } else if (profile->sizes_n && !counts && !mk_json_spoiled(doc, list)) {
        mk_json_error(doc, list, "the counts of \"sizes\" add up to 0: nothing is ever allocated");
    }
}

static void check_threads(struct mk_json *doc, const struct mk_allocprofile *profile) {
    uint32_t list = mk_json_get(doc, MK_JSON_ROOT, "threads");
    struct check c = {doc, mk_json_first(doc, list)};
    uint64_t threads = 0, allocations = 0;
    for (size_t i = 0; i < profile->threads_n; i++, c.node = mk_json_next(doc, c.node)) {
        const struct mk_profile_threads *row = &profile->threads[i];
        threads += row->threads;
        allocations += row->allocations;
        if (mk_json_spoiled(doc, c.node)) continue;
        if (row->begins_frac >= row->ends_frac)
            WRONG(&c, "ends_frac", "\"ends_frac\" is %g, and \"begins_frac\" %g: no time between", row->ends_frac,
                  row->begins_frac);
    }
    if (profile->threads_n > MK_PROFILE_THREADS_MAX || threads > MK_PROFILE_THREADS_MAX) {
        mk_json_error(doc, list, "%llu threads are too many: give at most %u", (unsigned long long)threads,
                      MK_PROFILE_THREADS_MAX);
    } else if (profile->threads_n && !allocations && !mk_json_spoiled(doc, list)) {
        mk_json_error(doc, list, "the \"allocations\" of \"threads\" add up to 0: nobody allocates");
    }
}

static void check_shape(struct mk_json *doc, const struct mk_allocprofile *profile) {
    struct check c = {doc, mk_json_get(doc, MK_JSON_ROOT, "shape")};
    const struct mk_profile_shape *shape = &profile->shape;
    bool given = c.node != MK_JSON_NONE, grows = profile->pattern != MK_PROFILE_PAGE_SURVIVORS;
    if (given && mk_json_spoiled(doc, c.node)) return;
    if (!given) c.node = MK_JSON_ROOT;
    if (profile->pattern == MK_PROFILE_DRAWN) {
        if (given) mk_json_error(doc, c.node, "\"shape\" means nothing without a \"pattern\" that works on it");
        return;
    }
    if (shape->min_bytes > shape->max_bytes) {
        WRONG(&c, "max_bytes", "\"max_bytes\" is %llu, less than \"min_bytes\", which is %llu",
              (unsigned long long)shape->max_bytes, (unsigned long long)shape->min_bytes);
    }
    if (shape->max_bytes > shape->live_bytes) {
        WRONG(&c, "live_bytes", "\"live_bytes\" is %llu, less than one block of \"max_bytes\", which is %llu",
              (unsigned long long)shape->live_bytes, (unsigned long long)shape->max_bytes);
    }
    if (grows && !(shape->growth > 1)) WRONG(&c, "growth", "\"growth\" must be above 1: sizes are to grow");
    if (!grows && shape->min_bytes == shape->max_bytes)
        WRONG(&c, "max_bytes", "\"max_bytes\" is \"min_bytes\": what survives would be in nobody's way");
    if (!grows && shape->page_bytes < 2 * shape->min_bytes)
        WRONG(&c, "page_bytes", "\"page_bytes\" is less than two blocks of \"min_bytes\": nothing would be freed");
    if (profile->pattern == MK_PROFILE_GROWING_SIZES && shape->survivor_every == 1)
        WRONG(&c, "survivor_every", "\"survivor_every\" is 1: nothing would be freed; 0 is no survivors");
}

int mk_allocprofile_from_json(struct mk_json *doc, struct mk_allocprofile *out) {
    mk_json_read_record(doc, MK_JSON_ROOT, &mk_allocprofile_record, out);
    if (mk_json_type(doc, MK_JSON_ROOT) == MK_JSON_OBJECT) {
        if (out->schema && strcmp(out->schema, MK_PROFILE_SCHEMA) != 0) {
            mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "schema"),
                          "\"schema\" is \"%.60s\", which is no profile; that is \"" MK_PROFILE_SCHEMA "\"",
                          out->schema);
            return -1;
        }
        check_sizes(doc, out);
        check_threads(doc, out);
        check_shape(doc, out);
    }
    return mk_json_errors(doc) ? -1 : 0;
}

int mk_allocprofile_read(const char *path, struct mk_allocprofile *out, struct mk_text *said) {
    struct mk_json *doc;
    int failed = -1;
    if (!mk_json_read_file(path, MK_PROFILE_FILE_BYTES_MAX, &doc)) {
        failed = mk_allocprofile_from_json(doc, out);
        if (failed) mk_allocprofile_free(out);
    }
    if (failed) mk_json_report(doc, said);
    mk_json_free(doc);
    return failed;
}

void mk_allocprofile_free(struct mk_allocprofile *profile) {
    mk_record_free(&mk_allocprofile_record, profile);
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* Writes an object without what is as it would be if it were left out. */
static void write_said(struct mk_text *out, const struct mk_record *record, const void *obj, int indent) {
    struct mk_field said[MK_FIELDS_MAX] = {0};
    void *preset = mk_need(1, record->size);
    size_t n = 0;
    mk_record_preset(record, preset);
    for (const struct mk_field *field = record->fields; field->name; field++) {
        const struct mk_field one[2] = {*field, {0}};
        const struct mk_record alone = {record->name, record->size, one, record->help};
        if (!mk_record_equal(&alone, preset, obj) || field->flags & MK_FIELD_REQUIRED) said[n++] = *field;
    }
    mk_json_write_record(out, &(struct mk_record){record->name, record->size, said, record->help}, obj, indent);
    mk_record_free(record, preset);
    free(preset);
}

static void write_list(struct mk_text *out, const char *key, const struct mk_record *record, const void *list,
                       size_t n) {
    if (!n) return;
    mk_text_printf(out, ",\n  \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        mk_text_puts(out, i ? ",\n    " : "\n    ");
        write_said(out, record, (const char *)list + i * record->size, -1);
    }
    mk_text_puts(out, "\n  ]");
}

void mk_allocprofile_write(const struct mk_allocprofile *profile, struct mk_text *out) {
    static const char end[] = "\n}";
    struct mk_allocprofile head = *profile;
    head.threads_n = head.sizes_n = 0;
    write_said(out, &mk_allocprofile_record, &head, 0);
    out->n -= sizeof end - 1;
    write_list(out, "threads", &threads_record, profile->threads, profile->threads_n);
    write_list(out, "sizes", &size_record, profile->sizes, profile->sizes_n);
    mk_text_puts(out, "\n}\n");
}
