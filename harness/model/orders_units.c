/* orders_units.c - the programs that judge an implementation: its own oracles, with each choice of parts, and those
 * of what it is compiled into. */
#include "orders.h"

#include <stdlib.h>

#include "../compose.h"
#include "../record.h"
#include "../registry.h"
#include "coverage.h"
#include "program.h"

#define REFUSED_EVERY 3
#define REFUSE_ONE_IN 4 /* allocations */

/* ---- programs ------------------------------------------------------------------------------------ */

/* Every other program is of drawn operations, which find most; the others are the scenarios in turn. Seeds go
 * on. */
static int make(void *arg, uint64_t i, struct mk_made_program *out, struct mk_err *err) {
    const struct mk_orders_units *units = arg;
    size_t drawn = 0, others = 0;
    for (size_t k = 0; k < units->oracles_n; k++) {
        if (strcmp(units->oracles[k]->name, MK_ORACLE_SCHEDULES) == 0) drawn++;
        else others++;
    }
    bool draws = drawn && (!others || i % 2 == 0);
    uint64_t turn = drawn && others ? i / 2 : i, n = draws ? drawn : others, nth = turn % n;
    for (size_t k = 0; k < units->oracles_n; k++) {
        if ((strcmp(units->oracles[k]->name, MK_ORACLE_SCHEDULES) == 0) != draws || nth-- > 0) continue;
        return mk_program_make(&units->units[units->unit[k]], units->oracles[k]->name, 1 + turn / n, out, err);
    }
    return mk_fail(err, "%s has no oracle in this flavour", units->identity);
}

/* A program made from its name has a unit of its own, which goes after it. */
static int make_named(void *arg, const char *name, struct mk_made_program *out, struct mk_err *err) {
    (void)arg;
    return mk_program_make_named(name, out, err);
}

/* In every third program whose operations are drawn memory is refused now and then, which is an answer like
 * others. */
static void settle(void *arg, const char *name, struct mk_setting *setting) {
    const char *seed = strrchr(name, '/');
    (void)arg;
    if (seed && seed - name > 10 && strncmp(seed - 10, "/" MK_ORACLE_SCHEDULES, 10) == 0 &&
        strtoull(seed + 1, NULL, 16) % REFUSED_EVERY == 0) {
        setting->refuse_one_in = REFUSE_ONE_IN;
    }
}

/* ---- units ------------------------------------------------------------------------------------------ */

static bool has_word(const char *words, const char *word) {
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n) {
        if ((at == words || at[-1] == ' ') && (!at[n] || at[n] == ' ')) return true;
    }
    return false;
}

static int add_unit(struct mk_orders_units *units, const char *pattern, uint32_t value_bytes, struct mk_err *err) {
    struct mk_composition *found = NULL;
    size_t n = 0;
    if (mk_compose(pattern, value_bytes, &found, &n, err)) return -1;
    int failed = 0;
    if (n != 1 || found[0].reason) {
        failed = mk_fail(err, "\"%.100s\" %.120s", pattern,
                         n == 1 ? found[0].reason : "is to be one implementation; --all takes them all");
    } else {
        struct mk_conform_unit *made = mk_grow(&units->units, &units->units_n, sizeof *made);
        mk_conform_unit_make(made, &found[0]);
    }
    mk_compositions_free(found, n);
    return failed;
}

/* The smallest values an implementation is compiled for; 0 where it has none. */
static uint32_t value_bytes_of(const char *identity) {
    char kind[32], name[64];
    if (sscanf(identity, "%31[^/]/%63[^/+[(]", kind, name) != 2) return 0;
    const struct mk_impl *impl = mk_registry_find(kind, name, "", 0);
    return impl ? impl->value_bytes : 0;
}

/* Whether its parts cannot do what it needs of them: it is compiled, and never run. */
static bool is_unsound(const struct mk_impl *impl) {
    return impl->needs & ~impl->provides;
}

/* The first unit that the part is compiled into. */
static int add_user(struct mk_orders_units *units, const struct mk_impl *part, struct mk_err *err) {
    char *word = mk_need_format("%s/%s", part->kind->name, part->name);
    int failed = 0;
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *user = mk_registry_at(i);
        if (!has_word(user->parts, word) || user->caps & (MK_FLOOR | MK_TEST_ONLY) || is_unsound(user)) continue;
        char *pattern = mk_need_format("%s/%s%s", user->kind->name, user->name, user->chosen);
        failed = add_unit(units, pattern, user->value_bytes, err);
        free(pattern);
        break;
    }
    free(word);
    return failed;
}

/* Whether one of these parts, "kind/name" each, is none but in name. */
static bool has_sham(const char *parts) {
    char kind[32], name[64];
    int length;
    for (const char *at = parts; sscanf(at, " %31[^/]/%63s%n", kind, name, &length) == 2; at += length) {
        const struct mk_impl *part = mk_registry_find(kind, name, "", 0);
        if (part && part->caps & (MK_FLOOR | MK_TEST_ONLY)) return true;
    }
    return false;
}

/* The same with other parts: what one part orders by the way, another may not. */
static int add_others(struct mk_orders_units *units, const struct mk_impl *impl, struct mk_err *err) {
    int failed = 0;
    for (size_t i = 0; i < mk_registry_count() && !failed; i++) {
        const struct mk_impl *other = mk_registry_at(i);
        if (strcmp(other->kind->name, impl->kind->name) != 0 || strcmp(other->name, impl->name) != 0) continue;
        if (!other->chosen[0] || other->value_bytes != impl->value_bytes || has_sham(other->parts)) continue;
        if (is_unsound(other)) continue;
        char *pattern = mk_need_format("%s/%s%s", other->kind->name, other->name, other->chosen);
        failed = add_unit(units, pattern, other->value_bytes, err);
        free(pattern);
    }
    return failed;
}

static void add_oracles(struct mk_orders_units *units) {
    for (size_t u = 0; u < units->units_n; u++) {
        const struct mk_case *at = mk_model_cases(units->units[u].composition.impl->kind->name);
        for (; at && at->name; at++) {
            if (mk_conform_skips(&units->units[u], at) || strcmp(at->name, MK_ORACLE_LOCK_FREE) == 0 ||
                strcmp(at->name, MK_ORACLE_COVERAGE) == 0) continue;
            size_t n = units->oracles_n;
            *(const struct mk_case **)mk_grow(&units->oracles, &units->oracles_n, sizeof *units->oracles) = at;
            *(size_t *)mk_grow(&units->unit, &n, sizeof *units->unit) = u;
        }
    }
}

/* Its own file, and of its parts those that the identity names. */
static void add_files(struct mk_orders_units *units, const char *identity) {
    size_t n;
    char **files = mk_coverage_files(units->units[0].composition.impl, &n);
    const char *parts = units->units[0].composition.impl->parts;
    for (size_t i = 0; i < n; i++) {
        bool wanted = i == 0;
        if (i) {
            size_t length = strcspn(parts, " ");
            char *named = mk_need_format("+%.*s", (int)length, parts);
            const char *at = strstr(identity, named);
            wanted = at && (!at[length + 1] || at[length + 1] == '+');
            parts += length + (parts[length] == ' ');
            free(named);
        }
        if (wanted) *(char **)mk_grow(&units->files, &units->files_n, sizeof *units->files) = files[i];
        else free(files[i]);
    }
    free(files);
}

int mk_orders_units_make(const char *identity, struct mk_orders_units *units, struct mk_err *err) {
    memset(units, 0, sizeof *units);
    units->identity = mk_need_text(identity);
    if (add_unit(units, identity, value_bytes_of(identity), err) ||
        (!strchr(identity, '+') && add_others(units, units->units[0].composition.impl, err)) ||
        add_user(units, units->units[0].composition.impl, err)) {
        mk_orders_units_free(units);
        return -1;
    }
    add_oracles(units);
    add_files(units, identity);
    units->source = (struct mk_orders_source){.identity = units->identity, .files = units->files,
                                              .files_n = units->files_n, .arg = units, .make = make,
                                              .make_named = make_named, .free = mk_program_free,
                                              .settle = settle};
    if (units->oracles_n) return 0;
    mk_fail(err, "no oracle of this flavour says anything about %.100s (memkit-bench list oracles)", identity);
    mk_orders_units_free(units);
    return -1;
}

void mk_orders_units_free(struct mk_orders_units *units) {
    mk_conform_list_free(units->units, units->units_n);
    for (size_t i = 0; i < units->files_n; i++) free(units->files[i]);
    free(units->files);
    free(units->oracles);
    free(units->unit);
    free(units->identity);
    memset(units, 0, sizeof *units);
}

/* ---- all of them -------------------------------------------------------------------------------------- */

static bool has_orders(const char *file) {
    struct mk_notes notes;
    struct mk_err ignored;
    bool has = false;
    if (mk_notes_read(file, &notes, &ignored)) return false;
    for (size_t i = 0; i < notes.notes_n && !has; i++) {
        has = notes.notes[i].spans_n && strcmp(notes.notes[i].order, "relaxed") != 0;
    }
    mk_notes_free(&notes);
    return has;
}

char **mk_orders_all(size_t *n) {
    char **list = NULL;
    const char *last = "";
    *n = 0;
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (impl->caps & (MK_FLOOR | MK_TEST_ONLY) || strcmp(impl->file, last) == 0 || !has_orders(impl->file))
            continue;
        *(char **)mk_grow(&list, n, sizeof *list) = mk_need_format("%s/%s", impl->kind->name, impl->name);
        last = impl->file;
    }
    return list;
}
