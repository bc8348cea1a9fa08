/* compose.c - see compose.h. A pattern is parsed into a small tree, then matched against the
 * registry; what comes out is canonical, so that one composition has one identity. */
#include "compose.h"

#include <errno.h>
#include <stdlib.h>

#include "build_info.h"
#include "record.h"
#include "registry.h"

/* ---- parsing ------------------------------------------------------------------------------ */

#define SPEC_PARTS_MAX 6

struct spec {
    char kind[32], name[64];
    char *params; /* between the brackets; NULL = none */
    struct spec *inner;
    struct spec *part[SPEC_PARTS_MAX];
    size_t parts;
};

static void spec_free(struct spec *spec) {
    if (!spec) return;
    free(spec->params);
    spec_free(spec->inner);
    for (size_t i = 0; i < spec->parts; i++) spec_free(spec->part[i]);
    free(spec);
}

/* Copies characters up to one of `stops` into out. Returns 0, or -1 when there are none or too many. */
static int take_word(const char **at, const char *stops, char *out, size_t room) {
    size_t length = strcspn(*at, stops);
    if (!length || length >= room) return -1;
    memcpy(out, *at, length);
    out[length] = '\0';
    *at += length;
    return 0;
}

static struct spec *parse_one(const char **at, int depth, struct mk_err *err) {
    struct spec *spec = mk_need(1, sizeof *spec);
    if (depth > MK_ALLOC_CHAIN_MAX) {
        mk_fail(err, "wrappers nested deeper than %d", MK_ALLOC_CHAIN_MAX);
        goto bad;
    }
    if (take_word(at, "/[]()+", spec->kind, sizeof spec->kind) || **at != '/') {
        mk_fail(err, "an implementation is named kind/name (memkit-bench list shows them all)");
        goto bad;
    }
    ++*at;
    if (take_word(at, "/[]()+", spec->name, sizeof spec->name)) {
        mk_fail(err, "nothing follows \"%s/\"", spec->kind);
        goto bad;
    }
    if (**at == '[') {
        size_t length = strcspn(*at, "]");
        if (!(*at)[length]) {
            mk_fail(err, "\"[\" is not closed");
            goto bad;
        }
        spec->params = mk_need(length, 1);
        memcpy(spec->params, *at + 1, length - 1);
        *at += length + 1;
    }
    if (**at == '(') {
        ++*at;
        spec->inner = parse_one(at, depth + 1, err);
        if (!spec->inner) goto bad;
        if (**at != ')') {
            mk_fail(err, "\"(\" is not closed");
            goto bad;
        }
        ++*at;
    }
    return spec;
bad:
    spec_free(spec);
    return NULL;
}

static struct spec *parse(const char *text, struct mk_err *err) {
    const char *at = text;
    struct mk_err why = {{0}};
    struct spec *spec = parse_one(&at, 0, &why);
    while (spec && *at == '+') {
        at++;
        if (spec->parts == SPEC_PARTS_MAX) {
            mk_fail(&why, "more than %d parts", SPEC_PARTS_MAX);
            goto bad;
        }
        spec->part[spec->parts] = parse_one(&at, 0, &why);
        if (!spec->part[spec->parts]) goto bad;
        spec->parts++;
    }
    if (spec && !*at) return spec;
    if (spec) mk_fail(&why, "unexpected \"%s\"", at);
bad:
    spec_free(spec);
    mk_fail(err, "\"%.100s\": %s", text, why.text);
    return NULL;
}

/* ---- words -------------------------------------------------------------------------------- */

static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[3][72];
    if (n > 70 || m > 70) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++) row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < best) {
                best = earlier[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *mk_nearest(const char *word, const char *const *words) {
    const char *best = NULL;
    size_t best_distance = 1 + strlen(word) / 4;
    for (; *words; words++) {
        size_t d = distance(word, *words);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = *words;
            best_distance = d;
        }
    }
    return best;
}

/* Says that `word` is unknown, and which of the names it may have meant. Returns -1. */
static int unknown(struct mk_err *err, const char *what, const char *word, const char **names, size_t n) {
    names[n] = NULL;
    const char *near = mk_nearest(word, names);
    if (near) return mk_fail(err, "no %s \"%s\", did you mean \"%s\"?", what, word, near);
    return mk_fail(err, "no %s \"%s\" (memkit-bench list shows what there is)", what, word);
}

static int unknown_kind(struct mk_err *err, const char *word) {
    const char **names = mk_need(mk_registry_kinds() + 1, sizeof *names);
    for (size_t i = 0; i < mk_registry_kinds(); i++) names[i] = mk_registry_kind_at(i)->name;
    unknown(err, "kind", word, names, mk_registry_kinds());
    free(names);
    return -1;
}

/* Of an implementation that the tree has, and this build has not. Returns whether it is one, and then says why. */
static bool not_built(struct mk_err *err, const char *kind, const char *word) {
    struct mk_missing_peer peer;
    char identity[sizeof peer.identity];
    snprintf(identity, sizeof identity, "%s/%s", kind, word);
    for (const char *at = mk_build_info()->missing_peers; mk_build_next_missing(&at, &peer);) {
        if (strcmp(peer.identity, identity) != 0) continue;
        mk_fail(err, "%s is not in this build (%s)", identity, peer.reason);
        return true;
    }
    return false;
}

static int unknown_name(struct mk_err *err, const char *kind, const char *word) {
    if (not_built(err, kind, word)) return -1;
    const char **names = mk_need(mk_registry_count() + 1, sizeof *names);
    size_t n = 0;
    char what[64];
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (strcmp(impl->kind->name, kind) == 0 && !impl->chosen[0]) names[n++] = impl->name;
    }
    snprintf(what, sizeof what, "implementation of kind %s named", kind);
    unknown(err, what, word, names, n);
    free(names);
    return -1;
}

/* ---- parameters --------------------------------------------------------------------------- */

static size_t params_count(const struct mk_impl *impl) {
    size_t n = 0;
    while (impl->params && impl->params[n].name && n < MK_PARAMS_MAX) n++;
    return n;
}

/* Returns whether `word` stands in "a|b|c", and at which place. */
static bool choice_index(const char *choices, const char *word, size_t length, uint64_t *index) {
    *index = 0;
    while (choices && *choices) {
        size_t n = strcspn(choices, "|");
        if (n == length && strncmp(choices, word, n) == 0) return true;
        choices += n + (choices[n] == '|');
        ++*index;
    }
    return false;
}

static int param_value(const struct mk_impl *impl, const struct mk_param *param, const char *word, size_t length,
                       uint64_t *value, struct mk_err *err) {
    if (param->type == MK_PARAM_CHOICE) {
        if (choice_index(param->choices, word, length, value)) return 0;
        return mk_fail(err, "%s/%s: %s is one of %s, not \"%.*s\"", impl->kind->name, impl->name, param->name,
                       param->choices, (int)length, word);
    }
    char digits[24];
    char *end = digits;
    errno = 0;
    if (length && length < sizeof digits) {
        memcpy(digits, word, length);
        digits[length] = '\0';
        *value = strtoull(digits, &end, 10);
    }
    bool number = length && errno == 0 && length < sizeof digits && !*end && digits[0] >= '0' && digits[0] <= '9';
    if (!number || *value < param->min || *value > param->max) {
        return mk_fail(err, "%s/%s: %s is a whole number from %llu to %llu, not \"%.*s\"", impl->kind->name,
                       impl->name, param->name, (unsigned long long)param->min, (unsigned long long)param->max,
                       (int)length, word);
    }
    return 0;
}

static void preset_params(const struct mk_impl *impl, uint64_t *values) {
    for (size_t i = 0; i < params_count(impl); i++) {
        const char *preset = impl->params[i].preset;
        if (param_value(impl, &impl->params[i], preset, strlen(preset), &values[i], NULL)) values[i] = impl->params[i].min;
    }
}

/* Reads "a=1,b=x" over the defaults. */
static int read_params(const struct mk_impl *impl, const char *text, uint64_t *values, struct mk_err *err) {
    unsigned named = 0; /* bits */
    preset_params(impl, values);
    while (text && *text) {
        size_t length = strcspn(text, ","), name = strcspn(text, "=,");
        size_t i = 0, n = params_count(impl);
        while (i < n && (strlen(impl->params[i].name) != name || strncmp(impl->params[i].name, text, name) != 0)) i++;
        if (i == n) {
            const char *names[MK_PARAMS_MAX + 1];
            char word[64], what[128];
            snprintf(word, sizeof word, "%.*s", (int)name, text);
            snprintf(what, sizeof what, "parameter of %s/%s named", impl->kind->name, impl->name);
            for (size_t k = 0; k < n; k++) names[k] = impl->params[k].name;
            return unknown(err, what, word, names, n);
        }
        if (named >> i & 1) {
            return mk_fail(err, "%s/%s: %s has two values", impl->kind->name, impl->name, impl->params[i].name);
        }
        named |= 1u << i;
        if (text[name] != '=') {
            return mk_fail(err, "%s/%s: %s wants a value, as in [%s=%s]", impl->kind->name, impl->name,
                           impl->params[i].name, impl->params[i].name, impl->params[i].preset);
        }
        if (param_value(impl, &impl->params[i], text + name + 1, length - name - 1, &values[i], err)) return -1;
        text += length + (text[length] == ',');
    }
    return 0;
}

/* How many values [*] stands for, of one parameter. */
static size_t variants_of(const struct mk_param *param) {
    size_t n = 1;
    if (!param->choices) return 1;
    for (const char *c = param->choices; *c; c++) n += *c == '|';
    return n;
}

static void variant_value(const struct mk_impl *impl, const struct mk_param *param, size_t which, uint64_t *value) {
    const char *word = param->choices;
    if (!word) return;
    while (which--) word += strcspn(word, "|") + 1;
    param_value(impl, param, word, strcspn(word, "|"), value, NULL);
}

/* Appends "[a=1]" for what differs from the defaults. */
static char *add_params(char *identity, const struct mk_impl *impl, const uint64_t *values) {
    uint64_t preset[MK_PARAMS_MAX] = {0};
    bool open = false;
    preset_params(impl, preset);
    for (size_t i = 0; i < params_count(impl); i++) {
        const struct mk_param *param = &impl->params[i];
        char *more;
        if (values[i] == preset[i]) continue;
        if (param->type == MK_PARAM_CHOICE) {
            const char *word = param->choices;
            for (uint64_t k = 0; k < values[i]; k++) word += strcspn(word, "|") + 1;
            more = mk_need_format("%s%s%s=%.*s", identity, open ? "," : "[", param->name, (int)strcspn(word, "|"), word);
        } else {
            more = mk_need_format("%s%s%s=%llu", identity, open ? "," : "[", param->name, (unsigned long long)values[i]);
        }
        free(identity);
        identity = more;
        open = true;
    }
    if (open) {
        char *closed = mk_need_format("%s]", identity);
        free(identity);
        identity = closed;
    }
    return identity;
}

/* ---- expansion ---------------------------------------------------------------------------- */

/* Returns the name of the part of `kind` in "reclaim/NAME hash/NAME", its length in *length, or NULL. */
static const char *part_named(const char *parts, const char *kind, size_t *length) {
    size_t k = strlen(kind);
    while (*parts) {
        size_t n = strcspn(parts, " ");
        if (n > k && strncmp(parts, kind, k) == 0 && parts[k] == '/') {
            *length = n - k - 1;
            return parts + k + 1;
        }
        parts += n + (parts[n] == ' ');
    }
    return NULL;
}

static bool is_glob(const struct spec *spec) {
    return strcmp(spec->name, "*") == 0 || (spec->params && strcmp(spec->params, "*") == 0) ||
           (spec->inner && is_glob(spec->inner));
}

/* Whether a unit has the compiled-in parts that the pattern asks for, defaults elsewhere. */
static bool parts_match(const struct mk_impl *unit, const struct mk_impl *plain, const struct spec *spec) {
    const char *parts = unit->parts;
    while (*parts) {
        size_t n = strcspn(parts, " "), slash = strcspn(parts, "/");
        const struct spec *asked = NULL;
        char kind[32];
        snprintf(kind, sizeof kind, "%.*s", (int)slash, parts);
        for (size_t i = 0; i < spec->parts; i++) {
            if (strcmp(spec->part[i]->kind, kind) == 0) asked = spec->part[i];
        }
        const char *name = parts + slash + 1;
        size_t length = n - slash - 1, default_length;
        if (asked && strcmp(asked->name, "*") != 0) {
            if (strlen(asked->name) != length || strncmp(asked->name, name, length) != 0) return false;
        } else if (!asked) {
            const char *usual = part_named(plain->parts, kind, &default_length);
            if (!usual || default_length != length || strncmp(usual, name, length) != 0) return false;
        } else {
            const struct mk_impl *part = NULL;
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)length, name);
            part = mk_registry_find(kind, word, "", 0);
            if (part && (part->caps & MK_TEST_ONLY)) return false;
        }
        parts += n + (parts[n] == ' ');
    }
    return true;
}

/* One choice of memory: a chain of wrappers around an allocator. */
struct memory {
    struct mk_alloc_choice link[MK_ALLOC_CHAIN_MAX];
    size_t n;
};

static int chain_of(const struct spec *spec, struct memory *memory, struct mk_err *err) {
    memory->n = 0;
    for (; spec; spec = spec->inner) {
        const struct mk_impl *impl = mk_registry_find(spec->kind, spec->name, "", 0);
        if (strcmp(spec->kind, "alloc") != 0) {
            return mk_fail(err, "%s/%s is no allocator: memory is composed of kind alloc", spec->kind, spec->name);
        }
        if (!impl) return unknown_name(err, spec->kind, spec->name);
        if (memory->n == MK_ALLOC_CHAIN_MAX) return mk_fail(err, "more than %d allocators in one chain", MK_ALLOC_CHAIN_MAX);
        if (spec->inner && !(impl->caps & MK_WRAPPER)) {
            return mk_fail(err, "%s/%s wraps nothing: it takes no (...)", spec->kind, spec->name);
        }
        memory->link[memory->n].impl = impl;
        if (read_params(impl, spec->params, memory->link[memory->n].params, err)) return -1;
        memory->n++;
    }
    return 0;
}

/* All choices of memory the pattern stands for: one chain, or with a star every plain allocator. */
static int memory_choices(const struct spec *spec, struct memory **out, size_t *n, struct mk_err *err) {
    const struct spec *part = NULL;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < spec->parts; i++) {
        if (strcmp(spec->part[i]->kind, "alloc") == 0) part = spec->part[i];
    }
    if (strcmp(spec->kind, "alloc") == 0) part = spec->inner;
    if (part && strcmp(part->name, "*") == 0) {
        for (size_t i = 0; i < mk_registry_count(); i++) {
            const struct mk_impl *impl = mk_registry_at(i);
            if (strcmp(impl->kind->name, "alloc") != 0) continue;
            if (impl->caps & (MK_TEST_ONLY | MK_FLOOR | MK_WRAPPER)) continue;
            struct memory *memory = mk_grow(out, n, sizeof **out);
            memory->link[0].impl = impl;
            memory->n = 1;
            preset_params(impl, memory->link[0].params);
        }
        return 0;
    }
    struct memory *memory = mk_grow(out, n, sizeof **out);
    return part ? chain_of(part, memory, err) : 0;
}

static char *chain_text(const struct mk_alloc_choice *link, size_t n) {
    char *text = mk_need_text("");
    for (size_t i = 0; i < n; i++) {
        char *more = mk_need_format("%s%salloc/%s", text, i ? "(" : "", link[i].impl->name);
        free(text);
        text = add_params(more, link[i].impl, link[i].params);
    }
    for (size_t i = 1; i < n; i++) {
        char *more = mk_need_format("%s)", text);
        free(text);
        text = more;
    }
    return text;
}

static bool is_default_memory(const struct memory *memory) {
    return memory->n == 0 || (memory->n == 1 && memory->link[0].impl == mk_registry_default("alloc"));
}

static void set_identity(struct mk_composition *c, bool alloc_kind, bool default_memory) {
    char *head = mk_need_format("%s/%s", c->impl->kind->name, c->impl->name);
    char *chain = chain_text(c->memory, c->memory_n);
    head = add_params(head, c->impl, c->params);
    if (default_memory) {
        c->identity = mk_need_format("%s%s", head, c->impl->chosen);
    } else if (alloc_kind) {
        c->identity = mk_need_format("%s(%s)", head, chain);
    } else {
        c->identity = mk_need_format("%s%s+%s", head, c->impl->chosen, chain);
    }
    free(head);
    free(chain);
}

static char *unsound_reason(const struct mk_impl *impl, uint32_t value_bytes) {
    if (impl->value_bytes && impl->value_bytes != value_bytes) {
        return mk_need_format("has no values of %u bytes", value_bytes);
    }
    if (impl->needs & ~impl->provides & MK_UNLINKED_OK) {
        return mk_need_format("walks on from unlinked nodes, which %s does not allow: an unsound pair", impl->parts);
    }
    return NULL;
}

static void add_composition(const struct mk_impl *impl, const uint64_t *params, const struct memory *memory,
                            bool exact, uint32_t value_bytes, struct mk_composition **list, size_t *n) {
    struct mk_composition made;
    memset(&made, 0, sizeof made);
    bool plain = is_default_memory(memory);
    made.impl = impl;
    memcpy(made.params, params, sizeof made.params);
    if (!plain) {
        memcpy(made.memory, memory->link, sizeof made.memory);
        made.memory_n = memory->n;
    }
    made.exact = exact;
    made.reason = unsound_reason(impl, value_bytes);
    set_identity(&made, strcmp(impl->kind->name, "alloc") == 0, plain);
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*list)[i].identity, made.identity) == 0) {
            (*list)[i].exact = (*list)[i].exact || exact;
            free(made.identity);
            free(made.reason);
            return;
        }
    }
    *(struct mk_composition *)mk_grow(list, n, sizeof **list) = made;
}

/* Adds a unit with every parameter variant and every memory that the pattern stands for. */
static int add_unit(const struct mk_impl *unit, const struct spec *spec, const struct memory *memory, size_t memory_n,
                    bool exact, uint32_t value_bytes, struct mk_composition **list, size_t *n, struct mk_err *err) {
    uint64_t params[MK_PARAMS_MAX] = {0};
    bool all = spec->params && strcmp(spec->params, "*") == 0;
    size_t variants = 1, count = params_count(unit);
    if (read_params(unit, all ? NULL : spec->params, params, err)) return -1;
    for (size_t i = 0; all && i < count; i++) variants *= variants_of(&unit->params[i]);
    for (size_t v = 0; v < variants; v++) {
        size_t rest = v;
        for (size_t i = 0; all && i < count; i++) {
            size_t m = variants_of(&unit->params[i]);
            variant_value(unit, &unit->params[i], rest % m, &params[i]);
            rest /= m;
        }
        for (size_t m = 0; m < memory_n; m++) add_composition(unit, params, &memory[m], exact, value_bytes, list, n);
    }
    return 0;
}

/* Refuses what would otherwise be passed over: two parts of one kind, memory in brackets where nothing is wrapped,
 * parameters of parts that are compiled in. */
static int check_spec(const struct spec *spec, struct mk_err *err) {
    bool allocates = strcmp(spec->kind, "alloc") == 0;
    if (spec->inner && !allocates) {
        return mk_fail(err, "%s/%s wraps nothing: memory is named behind a +, as in %s/%s+%s/%s", spec->kind, spec->name,
                       spec->kind, spec->name, spec->inner->kind, spec->inner->name);
    }
    for (size_t i = 0; i < spec->parts; i++) {
        const struct spec *part = spec->part[i];
        bool compiled = strcmp(part->kind, "alloc") != 0;
        if (!compiled && allocates) {
            return mk_fail(err, "%s/%s takes no alloc part: what it wraps is named in brackets", spec->kind, spec->name);
        }
        if (compiled && (part->params || part->inner)) {
            return mk_fail(err, "%s/%s is compiled in, and takes neither [...] nor (...)", part->kind, part->name);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(spec->part[k]->kind, part->kind) == 0) {
                return mk_fail(err, "%s/%s and %s/%s are parts of one kind: name one", spec->part[k]->kind,
                               spec->part[k]->name, part->kind, part->name);
            }
        }
    }
    return 0;
}

/* Whether the named parts exist for this implementation; says what does, if not. */
static int check_parts(const struct mk_impl *plain, const struct spec *spec, struct mk_err *err) {
    for (size_t i = 0; i < spec->parts; i++) {
        const struct spec *part = spec->part[i];
        size_t length;
        if (strcmp(part->kind, "alloc") == 0) continue;
        if (!mk_registry_kind(part->kind)) return unknown_kind(err, part->kind);
        if (!part_named(plain->parts, part->kind, &length)) {
            return mk_fail(err, "%s/%s takes no %s part", plain->kind->name, plain->name, part->kind);
        }
        if (strcmp(part->name, "*") != 0 && !mk_registry_find(part->kind, part->name, "", 0)) {
            return unknown_name(err, part->kind, part->name);
        }
    }
    return 0;
}

/* The unit with default parts: of this value size if there is one, else any (which carries a reason). */
static const struct mk_impl *plain_unit(const char *kind, const char *name, uint32_t value_bytes) {
    const struct mk_impl *plain = mk_registry_find(kind, name, "", value_bytes);
    return plain ? plain : mk_registry_find(kind, name, "", 0);
}

static int expand_name(const struct spec *spec, const char *name, bool exact, uint32_t value_bytes,
                       const struct memory *memory, size_t memory_n, struct mk_composition **list, size_t *n,
                       struct mk_err *err) {
    const struct mk_impl *plain = plain_unit(spec->kind, name, value_bytes);
    bool any = false;
    if (check_parts(plain, spec, err)) return -1;
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *unit = mk_registry_at(i);
        if (strcmp(unit->kind->name, spec->kind) != 0 || strcmp(unit->name, name) != 0) continue;
        if (unit->value_bytes != plain->value_bytes || !parts_match(unit, plain, spec)) continue;
        any = true;
        if (add_unit(unit, spec, memory, memory_n, exact, value_bytes, list, n, err)) return -1;
    }
    if (!any && exact) {
        return mk_fail(err, "%s/%s is not built with these parts together (a part that is not the default goes with "
                            "default values and the default reclaimer)", spec->kind, name);
    }
    return 0;
}

int mk_compose(const char *pattern, uint32_t value_bytes, struct mk_composition **list, size_t *n,
               struct mk_err *err) {
    struct spec *spec = parse(pattern, err);
    struct memory *memory = NULL;
    size_t memory_n = 0;
    int failed = -1;
    if (!spec) return -1;
    bool exact = !is_glob(spec);
    for (size_t i = 0; i < spec->parts; i++) exact = exact && !is_glob(spec->part[i]);
    if (!mk_registry_kind(spec->kind)) {
        unknown_kind(err, spec->kind);
        goto done;
    }
    if (check_spec(spec, err) || memory_choices(spec, &memory, &memory_n, err)) goto done;
    if (strcmp(spec->name, "*") != 0) {
        if (!mk_registry_find(spec->kind, spec->name, "", 0)) {
            unknown_name(err, spec->kind, spec->name);
        } else {
            failed = expand_name(spec, spec->name, exact, value_bytes, memory, memory_n, list, n, err);
        }
        goto done;
    }
    failed = 0;
    for (size_t i = 0; i < mk_registry_count() && !failed; i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (strcmp(impl->kind->name, spec->kind) != 0 || impl->chosen[0]) continue;
        if (i && strcmp(mk_registry_at(i - 1)->name, impl->name) == 0 &&
            strcmp(mk_registry_at(i - 1)->kind->name, impl->kind->name) == 0) {
            continue; /* another value size of the one before */
        }
        if (impl->caps & (MK_TEST_ONLY | MK_WRAPPER)) continue;
        struct mk_err ignored;
        /* An implementation without the part a glob asks for is no error: it does not match. */
        if (spec->parts && check_parts(impl, spec, &ignored)) continue;
        failed = expand_name(spec, impl->name, false, value_bytes, memory, memory_n, list, n, err);
    }
done:
    free(memory);
    spec_free(spec);
    return failed;
}

void mk_compositions_free(struct mk_composition *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(list[i].identity);
        free(list[i].reason);
    }
    free(list);
}
