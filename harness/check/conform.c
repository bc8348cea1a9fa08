/* conform.c - see conform.h. */
#include "conform.h"

#include <stdlib.h>

#include "../record.h"
#include "../registry.h"

#define THREADS_DEFAULT 4

extern const struct mk_model *const __start_mk_models[] __attribute__((weak, visibility("hidden")));
extern const struct mk_model *const __stop_mk_models[] __attribute__((weak, visibility("hidden")));

const struct mk_model *mk_model_of(const char *kind) {
    for (const struct mk_model *const *at = __start_mk_models; at < __stop_mk_models; at++) {
        if (strcmp((*at)->kind, kind) == 0) return *at;
    }
    return NULL;
}

/* ---- what there is --------------------------------------------------------------------------- */

/* What the composition can do: memory that one thread alone may use makes a structure for one thread. */
static uint64_t caps_of(const struct mk_composition *c) {
    uint64_t caps = c->impl->caps | (c->impl->provides & MK_NEVER_FREES);
    for (size_t i = 0; i < c->memory_n; i++) {
        uint64_t below = c->memory[i].impl->caps;
        if (!(below & MK_CONCURRENT) || !(below & MK_CROSS_FREE)) {
            caps &= ~(uint64_t)(MK_CONCURRENT | MK_ONE_EACH | MK_CROSS_FREE);
        }
        if (caps & MK_WRAPPER) caps |= below & (MK_FIXED_SIZE | MK_BULK_FREE);
    }
    if (caps & MK_CONCURRENT) caps |= MK_ONE_EACH;
    return caps;
}

static bool has_test_part(const struct mk_impl *impl) {
    const struct mk_impl *part;
    for (const char *at = impl->parts; mk_registry_next_part(&at, &part);) {
        if (part && part->caps & MK_TEST_ONLY) return true;
    }
    return false;
}

static bool is_listed(const struct mk_conform_unit *list, size_t n, const char *label) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].label, label) == 0) return true;
    }
    return false;
}

void mk_conform_unit_make(struct mk_conform_unit *unit, struct mk_composition *composition) {
    const struct mk_impl *impl = composition->impl;
    unit->label = impl->value_bytes ? mk_need_format("%s@%u", composition->identity, impl->value_bytes)
                                    : mk_need_text(composition->identity);
    unit->caps = caps_of(composition);
    unit->colliding = has_test_part(impl);
    unit->composition = *composition;
    memset(composition, 0, sizeof *composition);
}

/* Appends what a pattern stands for. */
static int add_pattern(const struct mk_impl *impl, const char *pattern, struct mk_conform_unit **list, size_t *n,
                       struct mk_err *err) {
    struct mk_composition *found = NULL;
    size_t found_n = 0;
    int failed = mk_compose(pattern, impl->value_bytes, &found, &found_n, err);
    for (size_t i = 0; i < found_n && !failed; i++) {
        struct mk_conform_unit made;
        if (found[i].reason) continue;
        mk_conform_unit_make(&made, &found[i]);
        if (is_listed(*list, *n, made.label)) {
            free(made.composition.identity);
            free(made.label);
        } else {
            *(struct mk_conform_unit *)mk_grow(list, n, sizeof made) = made;
        }
    }
    mk_compositions_free(found, found_n);
    return failed;
}

/* Appends all that is to be tried of one registered unit. `first` is the one that stands for its name: of
 * default parts and the smallest values. */
static int add_unit(const struct mk_impl *impl, bool first, struct mk_conform_unit **list, size_t *n,
                    struct mk_err *err) {
    bool wraps = impl->caps & MK_WRAPPER, allocates = impl->as_mem != NULL;
    const char *endings[] = {wraps ? "(alloc/*)"
                                   : impl->chosen, /* wrappers take no variants: they change answers */
                             first && !wraps && impl->params ? "[*]" : NULL,
                             first && !allocates && impl->count && !(impl->caps & MK_FLOOR) ? "+alloc/*" : NULL};
    int failed = 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !failed; i++) {
        if (!endings[i]) continue;
        char *pattern = mk_need_format("%s/%s%s", impl->kind->name, impl->name, endings[i]);
        failed = add_pattern(impl, pattern, list, n, err);
        free(pattern);
    }
    return failed;
}

int mk_conform_list(const char *kind, struct mk_conform_unit **list, size_t *n, struct mk_err *err) {
    const char *last = "";
    int failed = 0;
    *list = NULL;
    *n = 0;
    for (size_t i = 0; i < mk_registry_count() && !failed; i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (strcmp(impl->kind->name, kind) != 0) continue;
        failed = add_unit(impl, strcmp(impl->name, last) != 0, list, n, err);
        last = impl->name;
    }
    if (failed) mk_conform_list_free(*list, *n);
    return failed;
}

void mk_conform_list_free(struct mk_conform_unit *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(list[i].composition.identity);
        free(list[i].label);
    }
    free(list);
}

static const struct mk_shape no_shape;

/* ---- running --------------------------------------------------------------------------------- */

const struct mk_case *mk_conform_cases(const char *kind) {
    const struct mk_model *model = mk_model_of(kind);
    return model ? model->cases : NULL;
}

static void set_unit(struct mk_check *check, const struct mk_conform_unit *unit) {
    memset(check, 0, sizeof *check);
    check->impl = unit->composition.impl;
    check->composition = &unit->composition;
    check->label = unit->label;
    check->caps = unit->caps;
    check->colliding = unit->colliding;
    check->model = mk_model_of(check->impl->kind->name);
}

const char *mk_conform_skips(const struct mk_conform_unit *unit, const struct mk_case *which) {
    return mk_conform_skips_under(unit, which, &mk_pressures[0]);
}

const char *mk_conform_skips_under(const struct mk_conform_unit *unit, const struct mk_case *which,
                                   const struct mk_pressure *pressure) {
    struct mk_check check;
    set_unit(&check, unit);
    check.which = which;
    check.pressure = pressure;
    check.shape = &no_shape;
    if (unit->caps & which->unless & MK_FLOOR) return "a floor keeps nothing";
    if (unit->caps & which->unless) return "what it can do makes the case pointless";
    if (which->needs & ~unit->caps) return "does not claim what the case needs";
    return which->skips ? which->skips(&check) : NULL;
}

/* FNV-1a, so that every case of every unit has numbers of its own. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

size_t mk_conform_run(const struct mk_conform_unit *unit, const struct mk_case *which,
                      const struct mk_conform_config *config, struct mk_findings *findings) {
    struct mk_check check;
    set_unit(&check, unit);
    check.which = which;
    check.run_seed = config->seed;
    check.seed = hash_text(hash_text(mk_mix64(config->seed), unit->label), which->name);
    check.effort_percent = config->effort_percent ? config->effort_percent : 100;
    check.pressure = config->pressure ? config->pressure : &mk_pressures[0];
    check.threads = mk_pressure_threads(check.pressure, config->threads ? config->threads : THREADS_DEFAULT);
    check.shape = config->shape ? config->shape : &no_shape;
    check.findings = findings;
    pthread_mutex_init(&check.lock, NULL);
    which->run(&check);
    pthread_mutex_destroy(&check.lock);
    if (config->tried) {
        *config->tried = check.tried;
    } else {
        free(check.tried.note);
    }
    return atomic_load_explicit(&check.found, memory_order_relaxed);
}
