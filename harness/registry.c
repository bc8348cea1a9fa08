/* registry.c - see registry.h. Entries are described once, into an array sorted by identity. */
#include "registry.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "build_info.h"
#include "check/scenarios.h"
#include "record.h"
#ifdef MK_MODEL
#include "model/reset.h"
#endif

extern const struct mk_entry *const __start_mk_impls[] __attribute__((weak, visibility("hidden")));
extern const struct mk_entry *const __stop_mk_impls[] __attribute__((weak, visibility("hidden")));

static struct mk_impl *impls;
static size_t impls_n;
static const struct mk_kind **kinds;
static size_t kinds_n;
static void (***point_hooks)(unsigned line); /* of plug-ins */
static size_t point_hooks_n;

size_t mk_registry_count(void) {
    return impls_n;
}

const struct mk_impl *mk_registry_at(size_t i) {
    return &impls[i];
}

size_t mk_registry_kinds(void) {
    return kinds_n;
}

const struct mk_kind *mk_registry_kind_at(size_t i) {
    return kinds[i];
}

/* Order of identity, parts after the plain one, then value size. */
static int compare_impls(const void *left, const void *right) {
    const struct mk_impl *a = left, *b = right;
    int order = strcmp(a->kind->name, b->kind->name);
    if (!order) order = strcmp(a->name, b->name);
    if (!order) order = strcmp(a->chosen, b->chosen);
    return order ? order : (a->value_bytes > b->value_bytes) - (a->value_bytes < b->value_bytes);
}

/* Returns whether `file` is .../<kind>/<name>.<ext>, or, for files outside an impl folder, <name>.<ext>. */
static bool file_has_name(const char *file, const char *name) {
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    size_t length = strlen(name);
    return strncmp(base, name, length) == 0 && base[length] == '.';
}

static int check_entry(const struct mk_entry *entry, struct mk_err *err) {
    if (entry->abi != MK_ABI || entry->impl_bytes != sizeof(struct mk_impl)) {
        return mk_fail(err, "%s was compiled against ABI %u (record of %u bytes), this program has %u (%zu): rebuild it",
                       entry->file, entry->abi, entry->impl_bytes, MK_ABI, sizeof(struct mk_impl));
    }
    if (!file_has_name(entry->file, entry->name)) {
        return mk_fail(err, "%s registers the name \"%s\": the name must be the file's, rename one of them",
                       entry->file, entry->name);
    }
    return 0;
}

static int check_impl(const struct mk_impl *impl, struct mk_err *err) {
    const struct mk_op_desc *op;
    if (!impl->summary) {
        return mk_fail(err, "%s: %s/%s has no .summary", impl->file, impl->kind->name, impl->name);
    }
    if (!impl->create || !impl->destroy) {
        return mk_fail(err, "%s: %s/%s lacks .create or .destroy", impl->file, impl->kind->name, impl->name);
    }
    for (op = impl->kind->ops; op->name; op++) {
        if ((impl->must_offer >> op->code & 1) && !(impl->offers >> op->code & 1)) {
            return mk_fail(err, "%s: %s/%s lacks the operation \"%s\", which its kind demands", impl->file,
                           impl->kind->name, impl->name, op->name);
        }
    }
    if (impl->must_count && (!impl->count || !impl->walk)) {
        return mk_fail(err, "%s: %s/%s lacks .count or .walk", impl->file, impl->kind->name, impl->name);
    }
    return 0;
}

static void add_kind(const struct mk_kind *kind) {
    for (size_t i = 0; i < kinds_n; i++) {
        if (strcmp(kinds[i]->name, kind->name) == 0) return;
    }
    kinds = mk_need_more(kinds, kinds_n + 1, sizeof *kinds);
    size_t at = kinds_n++;
    while (at && strcmp(kinds[at - 1]->name, kind->name) > 0) {
        kinds[at] = kinds[at - 1];
        at--;
    }
    kinds[at] = kind;
}

static int add_entries(const struct mk_entry *const *begin, const struct mk_entry *const *end, struct mk_err *err) {
    size_t more = (size_t)(end - begin);
    if (!more) return 0;
    impls = mk_need_more(impls, impls_n + more, sizeof *impls);
    for (const struct mk_entry *const *at = begin; at < end; at++) {
        const struct mk_entry *entry = *at;
        struct mk_impl *impl = &impls[impls_n];
        if (check_entry(entry, err)) return -1;
        memset(impl, 0, sizeof *impl);
        impl->name = entry->name;
        impl->file = entry->file;
        impl->parts = entry->parts;
        impl->chosen = entry->chosen;
        entry->describe(impl);
        if (check_impl(impl, err)) return -1;
        add_kind(impl->kind);
        impls_n++;
    }
    qsort(impls, impls_n, sizeof *impls, compare_impls);
    for (size_t i = 1; i < impls_n; i++) {
        if (compare_impls(&impls[i - 1], &impls[i]) == 0) {
            return mk_fail(err, "%s/%s%s is registered twice, by %s and by %s: rename one of them",
                           impls[i].kind->name, impls[i].name, impls[i].chosen, impls[i - 1].file, impls[i].file);
        }
    }
    return 0;
}

int mk_registry_open(struct mk_err *err) {
    if (impls_n || !__start_mk_impls) return 0;
    return add_entries(__start_mk_impls, __stop_mk_impls, err) || mk_scenarios_open(err) ? -1 : 0;
}

/* What the model flavour has and others lack is what its plug-ins are made of. */
static int cannot_load(const char *path, const char *why, struct mk_err *err) {
    const char *flavour = mk_build_info()->flavour;
    if (strcmp(flavour, "model") != 0 && (strstr(why, "symbol: mk_model_") || strstr(why, "symbol: __tsan_"))) {
        return mk_fail(err, "plug-in %s is of flavour model, this program of flavour %s: give it to that of "
                            "make FLAVOUR=model", path, flavour);
    }
    return mk_fail(err, "cannot load plug-in %s: %s", path, why);
}

int mk_registry_load(const char *path, struct mk_err *err) {
    const struct mk_build_info *build = mk_build_info();
    char full[4096];
    /* Without a slash dlopen would search the library path, which is not what a file name means. */
    snprintf(full, sizeof full, "%s%s", strchr(path, '/') ? "" : "./", path);
    void *handle = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return cannot_load(path, dlerror(), err);
    const struct mk_plugin *plugin = dlsym(handle, "mk_plugin");
    if (!plugin) {
        return mk_fail(err, "%s is no plug-in: it exports no mk_plugin (compile it with `pkg-config --cflags memkit`)",
                       path);
    }
    if (plugin->abi != MK_ABI || plugin->impl_bytes != sizeof(struct mk_impl)) {
        return mk_fail(err, "plug-in %s has ABI %u, this program %u: compile it against the headers of this version",
                       path, plugin->abi, MK_ABI);
    }
    if (plugin->header_hash != build->header_hash) {
        return mk_fail(err, "plug-in %s was compiled against other contract headers: compile it again with this "
                            "version's memkit.pc", path);
    }
    if (strcmp(plugin->flavour, build->flavour) != 0) {
        return mk_fail(err, "plug-in %s is of flavour %s, this program of flavour %s: compile it with that flavour's "
                            "memkit.pc", path, plugin->flavour, build->flavour);
    }
    if (strcmp(build->flavour, "release") == 0 && !plugin->optimised) {
        return mk_fail(err, "plug-in %s was compiled without optimisation: add -O2", path);
    }
    if (plugin->begin == plugin->end && plugin->scenarios == plugin->scenarios_end) {
        return mk_fail(err, "plug-in %s registers nothing", path);
    }
    if (plugin->point_hook) {
        point_hooks = mk_need_more(point_hooks, point_hooks_n + 1, sizeof *point_hooks);
        point_hooks[point_hooks_n++] = plugin->point_hook;
    }
#ifdef MK_MODEL
    if (plugin->variables.made == plugin->variables.made_end) {
        return mk_fail(err, "plug-in %s has none of the hooks that this flavour lives by: make it with `memkit-bench "
                            "model-build`", path);
    }
    mk_reset_plugin(plugin);
#endif
    if (add_entries(plugin->begin, plugin->end, err)) return -1;
    return mk_scenarios_add(plugin->scenarios, plugin->scenarios_end, err);
}

const struct mk_impl *mk_registry_find(const char *kind, const char *name, const char *chosen, uint32_t value_bytes) {
    for (size_t i = 0; i < impls_n; i++) {
        const struct mk_impl *impl = &impls[i];
        if (strcmp(impl->kind->name, kind) == 0 && strcmp(impl->name, name) == 0 &&
            strcmp(impl->chosen, chosen) == 0 &&
            (!value_bytes || !impl->value_bytes || impl->value_bytes == value_bytes)) {
            return impl;
        }
    }
    return NULL;
}

bool mk_registry_next_part(const char **at, const struct mk_impl **part) {
    char kind[32], name[64];
    size_t n = strcspn(*at, " "), slash = strcspn(*at, "/");
    if (!**at) return false;
    snprintf(kind, sizeof kind, "%.*s", (int)slash, *at);
    snprintf(name, sizeof name, "%.*s", slash < n ? (int)(n - slash - 1) : 0, *at + (slash < n ? slash + 1 : n));
    *part = mk_registry_find(kind, name, "", 0);
    *at += n + ((*at)[n] == ' ');
    return true;
}

static const struct mk_impl *find_cap(const char *kind, uint64_t cap) {
    for (size_t i = 0; i < impls_n; i++) {
        const struct mk_impl *impl = &impls[i];
        if (!(impl->caps & cap) || (impl->caps & MK_TEST_ONLY) || impl->chosen[0]) continue;
        if (strcmp(impl->kind->name, kind) == 0) return impl;
    }
    return NULL;
}

const struct mk_impl *mk_registry_default(const char *kind) {
    return find_cap(kind, MK_DEFAULT);
}

const struct mk_impl *mk_registry_floor(const char *kind) {
    return find_cap(kind, MK_FLOOR);
}

const struct mk_kind *mk_registry_kind(const char *name) {
    for (size_t i = 0; i < kinds_n; i++) {
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
    }
    return NULL;
}

bool mk_registry_hook_points(void (*hook)(unsigned line)) {
    for (size_t i = 0; i < point_hooks_n; i++) *point_hooks[i] = hook;
#ifdef MK_POINTS
    mk_point_hook = hook;
    return true;
#else
    return false;
#endif
}

uint64_t mk_key_limit(const struct mk_impl *impl, const uint64_t *params) {
    for (size_t i = 0; impl->key_limit_param && impl->params && impl->params[i].name; i++) {
        if (strcmp(impl->params[i].name, impl->key_limit_param) == 0) return params[i];
    }
    return impl->key_limit;
}

const struct mk_op_desc *mk_kind_op(const struct mk_kind *kind, const char *name) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (strcmp(op->name, name) == 0) return op;
    }
    return NULL;
}

bool mk_kind_has_blocks(const struct mk_kind *kind) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->operand == MK_OPERAND_BLOCK) return true;
    }
    return false;
}

/* FNV-1a over what decides which code an identity names. */
static uint64_t digest_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

bool mk_registry_is_peer(const struct mk_impl *impl) {
    return strncmp(impl->file, "impl/peers/", strlen("impl/peers/")) == 0;
}

uint64_t mk_registry_digest(uint64_t digest, const struct mk_impl *impl) {
    digest = digest_text(digest, impl->kind->name);
    digest = digest_text(digest, impl->name);
    digest = digest_text(digest, impl->chosen);
    return (digest ^ impl->value_bytes ^ impl->caps) * 0x100000001b3u;
}
