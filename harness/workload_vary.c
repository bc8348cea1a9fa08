/* workload_vary.c - workloads that differ from their file: --set KEY=VALUE, and the points of a sweep.
 * Both put a JSON value to a dotted key: "keys.count", "groups.writers.share", "phases.0.duration_ms". */
#include <errno.h>
#include <stdlib.h>

#include "compose.h"
#include "workload_check.h"

#define KEY_BYTES_MAX 120

/* ---- dotted keys -------------------------------------------------------------------------- */

struct reached {
    void *obj; /* what the field is a field of */
    const struct mk_field *field;
};

/* Complains that the key's part at `at` is none of the record's, and names the nearest one. */
static int unknown_part(const struct mk_record *record, const char *key, size_t at, const char *part,
                        struct mk_err *err) {
    const char *known[MK_FIELDS_MAX + 1] = {0};
    size_t n = 0;
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!(field->flags & MK_FIELD_INTERNAL)) known[n++] = field->name;
    }
    const char *near = mk_nearest(part, known);
    if (!near) return mk_fail(err, "unknown key \"%s\"", key);
    return mk_fail(err, "unknown key \"%s\", did you mean \"%.*s%s\"?", key, (int)at, key, near);
}

/* Returns the element of a list of records that the part names: by its name, or by its place from 0. */
static void *find_element(const struct mk_field *list, char *obj, const char *part) {
    char *elements, *end;
    size_t n;
    const struct mk_field *name = mk_record_field(list->record, "name");
    memcpy(&elements, obj + list->offset, sizeof elements);
    memcpy(&n, obj + list->count_offset, sizeof n);
    for (size_t i = 0; i < n && name; i++) {
        char *element = elements + i * list->record->size, *text;
        memcpy(&text, element + name->offset, sizeof text);
        if (text && strcmp(text, part) == 0) return element;
    }
    errno = 0;
    unsigned long i = strtoul(part, &end, 10);
    return part[0] >= '0' && part[0] <= '9' && !*end && !errno && i < n ? elements + i * list->record->size : NULL;
}

/* Walks a dotted key. Returns 0, or -1 with err set. */
static int reach(struct mk_workload *workload, const char *key, struct reached *out, struct mk_err *err) {
    char parts[KEY_BYTES_MAX + 1], *rest = parts, *part;
    const struct mk_record *record = &mk_workload_record;
    char *obj = (char *)workload;
    if (strlen(key) > KEY_BYTES_MAX) return mk_fail(err, "unknown key \"%.40s...\"", key);
    memcpy(parts, key, strlen(key) + 1);
    for (;;) {
        part = strsep(&rest, ".");
        const struct mk_field *field = mk_record_field(record, part);
        if (!field || (field->flags & MK_FIELD_INTERNAL)) {
            return unknown_part(record, key, (size_t)(part - parts), part, err);
        }
        if (!rest) {
            *out = (struct reached){obj, field};
            return 0;
        }
        if (!field->record) return mk_fail(err, "\"%s\": \"%s\" can only be set as a whole", key, part);
        if (field->type == MK_FIELD_RECORD) {
            obj += field->offset;
        } else {
            const char *list = part;
            part = strsep(&rest, ".");
            obj = find_element(field, obj, part);
            if (!obj || !rest) {
                return mk_fail(err, "\"%s\": there is no \"%s\" in \"%s\" with keys to set", key, part, list);
            }
        }
        record = field->record;
    }
}

/* Puts a value to a key of the workload. Complaints about the value go to doc. */
static int put(struct mk_json *doc, uint32_t node, const struct reached *at) {
    mk_field_free(at->field, at->obj);
    return mk_json_read_field(doc, node, at->field, at->obj);
}

/* ---- --set -------------------------------------------------------------------------------- */

/* Parses VALUE as JSON, and as a bare word if it is none. */
static struct mk_json *parse_value(const char *value) {
    struct mk_json *doc;
    if (mk_json_parse("", value, strlen(value), &doc)) {
        struct mk_text quoted = {0};
        mk_json_free(doc);
        mk_json_write_text(&quoted, value);
        mk_json_parse("", quoted.at, quoted.n, &doc);
        mk_text_free(&quoted);
    }
    return doc;
}

/* Sets the key in *workload and checks the whole. Returns 0, or -1 with err set. */
static int set_and_check(struct mk_workload *workload, const char *key, const char *value, struct mk_err *err) {
    struct reached at;
    struct mk_workload_point *points;
    struct mk_err why;
    size_t n;
    if (reach(workload, key, &at, err)) return -1;
    struct mk_json *doc = parse_value(value);
    int failed = put(doc, MK_JSON_ROOT, &at);
    if (failed) mk_fail(err, "%s=%.40s: %s", key, value, mk_json_first_error(doc));
    mk_json_free(doc);
    if (failed) return -1;
    if (mk_workload_points(workload, &points, &n, &why)) return mk_fail(err, "%s=%.40s: %s", key, value, why.text);
    mk_workload_points_free(points, n);
    return 0;
}

int mk_workload_set(struct mk_workload *workload, const char *key, const char *value, struct mk_err *err) {
    struct mk_workload changed;
    struct mk_text text = {0};
    mk_record_copy(&mk_workload_record, &changed, workload);
    if (set_and_check(&changed, key, value, err)) {
        mk_record_free(&mk_workload_record, &changed);
        return -1;
    }
    mk_json_write_record(&text, &mk_workload_record, &changed, 0);
    mk_text_putc(&text, '\n');
    free(changed.text);
    changed.text = mk_text_take(&text);
    mk_record_free(&mk_workload_record, workload);
    *workload = changed;
    return 0;
}

/* ---- sweeps ------------------------------------------------------------------------------- */

struct swept {
    const char *key;  /* the document's */
    uint32_t *values; /* nodes */
    size_t n;
};

struct sweep {
    struct mk_json *doc;
    struct swept *keys; /* in the order of the file */
    size_t keys_n;
    size_t points; /* 1 without a sweep */
};

static void sweep_close(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->keys_n; i++) free(sweep->keys[i].values);
    free(sweep->keys);
}

/* What holds for the whole run cannot differ between its points. */
static const char *const of_the_run[] = {"schema", "name",      "about",  "kind", "impls",    "compose",
                                         "threads", "pin",      "processes", "rounds", "seed", "counters",
                                         "until",  "sweep",     "expect", "stress", NULL};

static bool is_of_the_run(const char *key) {
    for (size_t i = 0; of_the_run[i]; i++) {
        size_t length = strlen(of_the_run[i]);
        if (strncmp(key, of_the_run[i], length) == 0 && (!key[length] || key[length] == '.')) return true;
    }
    return false;
}

/* One key and its values, each of which is tried at its place in *scratch. */
static void open_key(struct sweep *sweep, uint32_t node, struct mk_workload *scratch) {
    const char *name = mk_json_key(sweep->doc, node);
    struct reached at;
    struct mk_err err;
    if (reach(scratch, name, &at, &err)) {
        mk_json_error_at_key(sweep->doc, node, "%s", err.text);
        return;
    }
    if (is_of_the_run(name)) {
        mk_json_error_at_key(sweep->doc, node, "\"%s\" holds for the whole run and cannot be swept", name);
        return;
    }
    if (mk_json_type(sweep->doc, node) != MK_JSON_LIST || !mk_json_count(sweep->doc, node)) {
        mk_json_error(sweep->doc, node, "\"%s\" must be swept over a list of values, such as [1, 2]", name);
        return;
    }
    struct swept *key = mk_grow(&sweep->keys, &sweep->keys_n, sizeof *key);
    key->key = name;
    key->values = mk_need(mk_json_count(sweep->doc, node), sizeof *key->values);
    for (uint32_t value = mk_json_first(sweep->doc, node); value != MK_JSON_NONE;
         value = mk_json_next(sweep->doc, value)) {
        key->values[key->n++] = value;
        put(sweep->doc, value, &at);
    }
}

/* Takes the sweep at `node` apart. Complaints go to doc; the sweep is to be closed in any case. */
static void sweep_open(struct sweep *sweep, struct mk_json *doc, uint32_t node,
                       const struct mk_workload *workload) {
    struct mk_workload scratch;
    *sweep = (struct sweep){doc, NULL, 0, 1};
    if (node == MK_JSON_NONE) return;
    if (mk_json_type(doc, node) != MK_JSON_OBJECT) {
        mk_json_error(doc, node, "\"sweep\" must be an object of keys and lists of values");
        return;
    }
    mk_record_copy(&mk_workload_record, &scratch, workload);
    for (uint32_t key = mk_json_first(doc, node); key != MK_JSON_NONE; key = mk_json_next(doc, key)) {
        if (mk_json_errors(doc) < MK_JSON_ERRORS_MAX) open_key(sweep, key, &scratch);
    }
    mk_record_free(&mk_workload_record, &scratch);
    for (size_t i = 0; i < sweep->keys_n; i++) {
        if (sweep->keys[i].n <= MK_WORKLOAD_POINTS_MAX / sweep->points) {
            sweep->points *= sweep->keys[i].n;
            continue;
        }
        mk_json_error_at_key(doc, node, "\"sweep\" has more than %d points", MK_WORKLOAD_POINTS_MAX);
        sweep->points = 1;
        return;
    }
}

/* What points have in common: the workload without what is only to be kept. */
static void copy_base(const struct mk_workload *workload, struct mk_workload *base) {
    struct mk_workload light = *workload;
    light.text = light.sweep = light.expect = NULL;
    mk_record_copy(&mk_workload_record, base, &light);
}

/* Sets point number i (the last key runs fastest) in *workload, whose places go to places[]. */
static void set_point(const struct sweep *sweep, size_t i, struct mk_workload *workload,
                      struct mk_workload_place *places) {
    for (size_t k = sweep->keys_n; k-- > 0; i /= sweep->keys[k].n) {
        places[k] = (struct mk_workload_place){sweep->keys[k].key, sweep->keys[k].values[i % sweep->keys[k].n]};
    }
    for (size_t k = 0; k < sweep->keys_n; k++) {
        struct reached at;
        struct mk_err err;
        if (reach(workload, places[k].key, &at, &err)) {
            mk_json_error(sweep->doc, places[k].node, "%s", err.text);
        } else {
            put(sweep->doc, places[k].node, &at);
        }
    }
}

/* Appends a value without quotes around it and white space in it. */
static void add_value(struct mk_text *out, const struct mk_json *doc, uint32_t node) {
    if (mk_json_text(doc, node)) {
        mk_text_puts(out, mk_json_text(doc, node));
        return;
    }
    char *raw = mk_json_raw(doc, node);
    bool quoted = false;
    for (const char *at = raw; *at; at++) {
        if (*at == '"' && (at == raw || at[-1] != '\\')) quoted = !quoted;
        if (quoted || !strchr(" \t\r\n", *at)) mk_text_putc(out, *at);
    }
    free(raw);
}

/* Returns "keys.count=10000 value_bytes=64"; the caller frees it. */
static char *label_of(const struct mk_json *doc, const struct mk_workload_place *places, size_t n) {
    struct mk_text label = {0};
    for (size_t i = 0; i < n; i++) {
        mk_text_printf(&label, "%s%s=", i ? " " : "", places[i].key);
        add_value(&label, doc, places[i].node);
    }
    return mk_text_take(&label);
}

/* Makes and checks all points, and keeps them in list, if there is one. Complaints go to the sweep's doc. */
static void walk_points(const struct sweep *sweep, const struct mk_workload *base, struct mk_workload_point *list) {
    struct mk_workload_place *places = mk_need(sweep->keys_n + 1, sizeof *places);
    for (size_t i = 0; i < sweep->points; i++) {
        struct mk_workload point;
        mk_record_copy(&mk_workload_record, &point, base);
        set_point(sweep, i, &point, places);
        mk_workload_check(sweep->doc, MK_JSON_NONE, &point, places, sweep->keys_n);
        if (list) list[i] = (struct mk_workload_point){point, label_of(sweep->doc, places, sweep->keys_n)};
        else mk_record_free(&mk_workload_record, &point);
    }
    free(places);
}

void mk_workload_check_sweep(struct mk_json *doc, uint32_t node, const struct mk_workload *workload) {
    struct sweep sweep;
    sweep_open(&sweep, doc, node, workload);
    if (sweep.keys_n && !mk_json_errors(doc)) {
        struct mk_workload base;
        copy_base(workload, &base);
        walk_points(&sweep, &base, NULL);
        mk_record_free(&mk_workload_record, &base);
    }
    sweep_close(&sweep);
}

void mk_workload_points_free(struct mk_workload_point *points, size_t n) {
    for (size_t i = 0; i < n; i++) {
        mk_record_free(&mk_workload_record, &points[i].workload);
        free(points[i].label);
    }
    free(points);
}

int mk_workload_points(const struct mk_workload *workload, struct mk_workload_point **out, size_t *n,
                       struct mk_err *err) {
    const char *text = workload->sweep ? workload->sweep : "{}";
    struct mk_json *doc;
    struct mk_workload base;
    struct sweep sweep;
    *out = NULL;
    *n = 0;
    bool parsed = mk_json_parse("sweep", text, strlen(text), &doc) == 0;
    sweep_open(&sweep, doc, parsed ? MK_JSON_ROOT : MK_JSON_NONE, workload);
    if (!mk_json_errors(doc)) {
        copy_base(workload, &base);
        *n = sweep.points;
        *out = mk_need(*n, sizeof **out);
        walk_points(&sweep, &base, *out);
        mk_record_free(&mk_workload_record, &base);
    }
    sweep_close(&sweep);
    int failed = 0;
    if (mk_json_errors(doc)) {
        failed = mk_fail(err, "%s", mk_json_first_error(doc));
        mk_workload_points_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    mk_json_free(doc);
    return failed;
}
