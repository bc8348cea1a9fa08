/* json.c - see json.h. The only file that knows cJSON.
 *
 * A text is gone through twice. A scan of our own (json_scan.c), stricter than cJSON, finds the first
 * syntax error with its place and makes a flat list of nodes with their positions; cJSON then makes its
 * tree, which decodes texts and keys, and both are joined in lockstep (cJSON keeps the order of the
 * text). Whole numbers are read from the digits themselves, because cJSON keeps doubles.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "json_parts.h"

#define FEW_KEYS 8 /* compared one by one */

/* ---- joining with cJSON's tree ------------------------------------------------------------ */

static uint64_t hash_text(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return mk_mix64(hash);
}

static void complain_twice(struct mk_json *doc, uint32_t node) {
    char name[MK_JSON_SHOWN_MAX + 8];
    const char *key = doc->nodes[node].item->string;
    mk_json_error_at_key(doc, node, "duplicate key \"%s\"", mk_json_shown(name, key, strlen(key)));
}

/* Complains about keys of an object that stand there before. */
static void find_duplicates(struct mk_json *doc, uint32_t object) {
    const struct mk_json_node *nodes = doc->nodes;
    size_t room = 2;
    if (nodes[object].count <= FEW_KEYS) {
        for (uint32_t node = nodes[object].first; node != MK_JSON_NONE; node = nodes[node].next) {
            uint32_t other = nodes[object].first;
            while (other != node && strcmp(nodes[other].item->string, nodes[node].item->string) != 0) {
                other = nodes[other].next;
            }
            if (other != node) complain_twice(doc, node);
        }
        return;
    }
    while (room < 2 * (size_t)nodes[object].count) room *= 2;
    uint32_t *table = mk_need(room, sizeof *table); /* node + 1 */
    for (uint32_t node = nodes[object].first; node != MK_JSON_NONE; node = nodes[node].next) {
        size_t at = hash_text(nodes[node].item->string) & (room - 1);
        while (table[at] && strcmp(nodes[table[at] - 1].item->string, nodes[node].item->string) != 0) {
            at = (at + 1) & (room - 1);
        }
        if (table[at]) complain_twice(doc, node);
        else table[at] = node + 1;
    }
    free(table);
}

/* Returns whether both saw the same document. */
static bool join(struct mk_json *doc, uint32_t node, const cJSON *item) {
    struct mk_json_node *here = &doc->nodes[node];
    const cJSON *child = item->child;
    here->item = item;
    if ((doc->text[here->at] == '{') != cJSON_IsObject(item)) return false;
    for (uint32_t inner = here->first; inner != MK_JSON_NONE; inner = doc->nodes[inner].next) {
        if (!child || !join(doc, inner, child)) return false;
        child = child->next;
    }
    if (child) return false;
    if (cJSON_IsObject(item)) find_duplicates(doc, node);
    return true;
}

/* ---- documents ---------------------------------------------------------------------------- */

static struct mk_json *new_document(const char *path) {
    struct mk_json *doc = mk_need(1, sizeof *doc);
    doc->path = mk_need_text(path);
    return doc;
}

/* Takes the text over. */
static int parse(struct mk_json *doc, struct mk_text *text) {
    const char *stop = NULL;
    doc->length = text->n;
    doc->text = mk_text_take(text);
    if (doc->length >= MK_JSON_NOWHERE) {
        doc->length = 0;
        mk_json_error(doc, MK_JSON_NONE, "has more than 4 GiB");
        return -1;
    }
    if (!mk_json_scan(doc)) return -1;
    doc->tree = cJSON_ParseWithLengthOpts(doc->text, doc->length + 1, &stop, 1);
    if (doc->tree && join(doc, MK_JSON_ROOT, doc->tree)) return 0;
    mk_json_error_at(doc, stop ? (size_t)(stop - doc->text) : 0, "cannot be read as JSON, or memory is out");
    doc->nodes_n = 0;
    return -1;
}

int mk_json_parse(const char *path, const char *text, size_t length, struct mk_json **doc) {
    struct mk_text copy = {0};
    *doc = new_document(path);
    mk_text_add(&copy, text, length);
    return parse(*doc, &copy);
}

int mk_json_read_file(const char *path, size_t limit_bytes, struct mk_json **doc) {
    struct mk_text text = {0};
    struct mk_err err;
    *doc = new_document(strcmp(path, "-") == 0 ? "standard input" : path);
    if (mk_text_load(&text, path, limit_bytes, &err)) {
        mk_json_error(*doc, MK_JSON_NONE, "%s", err.text);
        mk_text_free(&text);
        (*doc)->text = mk_need_text("");
        return -1;
    }
    return parse(*doc, &text);
}

void mk_json_free(struct mk_json *doc) {
    if (!doc) return;
    for (size_t i = 0; i < doc->complaints_n; i++) free(doc->complaints[i].text);
    free(doc->complaints);
    free(doc->nodes);
    cJSON_Delete(doc->tree);
    free(doc->text);
    free(doc->path);
    free(doc);
}

const char *mk_json_path(const struct mk_json *doc) {
    return doc->path;
}

const char *mk_json_source(const struct mk_json *doc) {
    return doc->text;
}

/* ---- walking ------------------------------------------------------------------------------ */

static const struct mk_json_node *node_at(const struct mk_json *doc, uint32_t node) {
    return node < doc->nodes_n ? &doc->nodes[node] : NULL;
}

enum mk_json_type mk_json_type(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    if (!here || cJSON_IsNull(here->item)) return MK_JSON_NULL;
    if (cJSON_IsBool(here->item)) return MK_JSON_BOOL;
    if (cJSON_IsNumber(here->item)) return MK_JSON_NUMBER;
    if (cJSON_IsString(here->item)) return MK_JSON_TEXT;
    return cJSON_IsArray(here->item) ? MK_JSON_LIST : MK_JSON_OBJECT;
}

uint32_t mk_json_first(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    return here ? here->first : MK_JSON_NONE;
}

uint32_t mk_json_next(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    return here ? here->next : MK_JSON_NONE;
}

size_t mk_json_count(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    return here ? here->count : 0;
}

const char *mk_json_key(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    return here && here->key_at != MK_JSON_NOWHERE ? here->item->string : NULL;
}

uint32_t mk_json_get(const struct mk_json *doc, uint32_t node, const char *key) {
    if (mk_json_type(doc, node) != MK_JSON_OBJECT) return MK_JSON_NONE;
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner)) {
        if (strcmp(doc->nodes[inner].item->string, key) == 0) return inner;
    }
    return MK_JSON_NONE;
}

const char *mk_json_text(const struct mk_json *doc, uint32_t node) {
    return mk_json_type(doc, node) == MK_JSON_TEXT ? doc->nodes[node].item->valuestring : NULL;
}

bool mk_json_bool(const struct mk_json *doc, uint32_t node, bool *value) {
    if (mk_json_type(doc, node) != MK_JSON_BOOL) return false;
    *value = cJSON_IsTrue(doc->nodes[node].item);
    return true;
}

bool mk_json_f64(const struct mk_json *doc, uint32_t node, double *value) {
    if (mk_json_type(doc, node) != MK_JSON_NUMBER) return false;
    *value = strtod(doc->text + doc->nodes[node].at, NULL);
    return isfinite(*value);
}

enum mk_json_whole mk_json_whole(const struct mk_json *doc, uint32_t node, uint64_t *value) {
    const struct mk_json_node *here = &doc->nodes[node];
    const char *begin = doc->text + here->at, *end = doc->text + here->end;
    if (*begin != '-' && !memchr(begin, '.', (size_t)(end - begin)) && !memchr(begin, 'e', (size_t)(end - begin)) &&
        !memchr(begin, 'E', (size_t)(end - begin))) {
        errno = 0;
        *value = strtoull(begin, NULL, 10);
        return errno ? MK_TOO_LARGE : MK_WHOLE;
    }
    double number = strtod(begin, NULL);
    if (number < 0 || *begin == '-') return MK_NEGATIVE;
    if (number >= 0x1p64) return MK_TOO_LARGE;
    if (number != floor(number)) return MK_NOT_WHOLE;
    if (number > 0x1p53) return MK_NOT_EXACT;
    *value = (uint64_t)number;
    return MK_WHOLE;
}

bool mk_json_u64(const struct mk_json *doc, uint32_t node, uint64_t *value) {
    return mk_json_type(doc, node) == MK_JSON_NUMBER && mk_json_whole(doc, node, value) == MK_WHOLE;
}

char *mk_json_raw(const struct mk_json *doc, uint32_t node) {
    const struct mk_json_node *here = node_at(doc, node);
    struct mk_text text = {0};
    if (here) mk_text_add(&text, doc->text + here->at, here->end - here->at);
    return mk_text_take(&text);
}
