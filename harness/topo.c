/* topo.c - hwloc behind topo.h. What it does that one would not guess is said where it matters:
 * it ignores taskset, ignores a broken HWLOC_SYNTHETIC, and binds to synthetic machines without effect. */
#include "topo.h"

#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>

#define RANKS 32 /* levels of the tree that scatter looks at, from the PU upwards */

struct place {
    struct mk_topo_pu pu;
    uint32_t logical;
    uint32_t rank_in_core;
    uint32_t rank[RANKS]; /* among its siblings: own rank first, then its ancestors' */
};

struct mk_topo {
    hwloc_topology_t hwloc;
    hwloc_bitmap_t allowed; /* of the loading thread */
    struct mk_topo_machine machine;
    struct place *places; /* logical order */
    struct mk_topo_pu *pus;
};

/* ---- description -------------------------------------------------------------------------- */

static const struct mk_field cache_fields[] = {
    {.name = "bytes", .type = MK_FIELD_U64, .offset = MK_AT(mk_topo_cache, bytes), .help = "size of one instance"},
    {.name = "line_bytes", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_cache, line_bytes), .help = "line size"},
    {.name = "ways", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_cache, ways),
     .help = "associativity; 0 = unknown, 4294967295 = full"},
    {.name = "count", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_cache, count), .help = "instances"},
    {.name = "pus", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_cache, pus), .help = "PUs that share one"},
    {0},
};
static const struct mk_record cache_record = {"cache", sizeof(struct mk_topo_cache), cache_fields,
                                              "one level of data cache"};

static const struct mk_field machine_fields[] = {
    {.name = "synthetic", .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE,
     .offset = MK_AT(mk_topo_machine, synthetic),
     .help = "hwloc's synthetic description, accepted by plan --topology"},
    {.name = "thissystem", .type = MK_FIELD_BOOL, .offset = MK_AT(mk_topo_machine, thissystem),
     .help = "whether it is the machine that ran"},
    {.name = "packages", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_machine, packages),
     .help = "usable packages"},
    {.name = "numa_nodes", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_machine, numa_nodes),
     .help = "usable NUMA nodes"},
    {.name = "cores", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_machine, cores), .help = "usable cores"},
    {.name = "pus", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_machine, pus), .help = "usable PUs"},
    {.name = "machine_pus", .type = MK_FIELD_U32, .offset = MK_AT(mk_topo_machine, machine_pus),
     .help = "PUs with those this process may not use"},
    {.name = "l1d", .type = MK_FIELD_RECORD, .offset = MK_AT(mk_topo_machine, l1d), .record = &cache_record,
     .help = "first-level data cache"},
    {.name = "l2", .type = MK_FIELD_RECORD, .offset = MK_AT(mk_topo_machine, l2), .record = &cache_record,
     .help = "second-level cache"},
    {.name = "l3", .type = MK_FIELD_RECORD, .offset = MK_AT(mk_topo_machine, l3), .record = &cache_record,
     .help = "third-level cache"},
    {0},
};
const struct mk_record mk_topo_machine_record = {"machine", sizeof(struct mk_topo_machine), machine_fields,
                                                 "the shape of the machine, as far as it may be used"};

static uint32_t count_of(hwloc_topology_t hwloc, hwloc_obj_type_t type, uint32_t otherwise) {
    int n = hwloc_get_nbobjs_by_type(hwloc, type);
    return n > 0 ? (uint32_t)n : otherwise;
}

static struct mk_topo_cache cache_of(hwloc_topology_t hwloc, hwloc_obj_type_t type) {
    struct mk_topo_cache cache = {0};
    hwloc_obj_t first = hwloc_get_obj_by_type(hwloc, type, 0);
    if (!first) return cache;
    cache.bytes = first->attr->cache.size;
    cache.line_bytes = first->attr->cache.linesize;
    cache.ways = first->attr->cache.associativity < 0 ? UINT32_MAX : (uint32_t)first->attr->cache.associativity;
    cache.count = count_of(hwloc, type, 0);
    cache.pus = (uint32_t)hwloc_bitmap_weight(first->cpuset);
    return cache;
}

static uint32_t ancestor_index(hwloc_topology_t hwloc, hwloc_obj_type_t type, hwloc_obj_t pu, uint32_t otherwise) {
    hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(hwloc, type, pu);
    return found ? found->logical_index : otherwise;
}

/* NUMA nodes are not ancestors of PUs in hwloc's tree: they hang beside it. */
static uint32_t numa_node_of(hwloc_topology_t hwloc, hwloc_obj_t pu) {
    for (hwloc_obj_t node = NULL; (node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node));)
        if (hwloc_bitmap_isset(node->cpuset, pu->os_index)) return node->logical_index;
    return 0;
}

static void describe_places(struct mk_topo *topo) {
    hwloc_topology_t hwloc = topo->hwloc;
    uint32_t n = topo->machine.pus;
    topo->places = mk_need(n, sizeof *topo->places);
    topo->pus = mk_need(n, sizeof *topo->pus);
    for (uint32_t i = 0; i < n; i++) {
        struct place *place = &topo->places[i];
        hwloc_obj_t pu = hwloc_get_obj_by_type(hwloc, HWLOC_OBJ_PU, i);
        place->logical = i;
        place->pu.os = pu->os_index;
        place->pu.core = ancestor_index(hwloc, HWLOC_OBJ_CORE, pu, i); /* some machines show no cores */
        place->pu.package = ancestor_index(hwloc, HWLOC_OBJ_PACKAGE, pu, 0);
        place->pu.numa_node = numa_node_of(hwloc, pu);
        if (i && place->pu.core == place[-1].pu.core) place->rank_in_core = place[-1].rank_in_core + 1;
        for (int depth = (int)pu->depth, level = 0; depth >= 0 && level < RANKS; depth--, level++) {
            hwloc_obj_t at = depth == (int)pu->depth ? pu : hwloc_get_ancestor_obj_by_depth(hwloc, depth, pu);
            place->rank[level] = at ? at->sibling_rank : 0; /* uneven trees skip levels */
        }
        topo->pus[i] = place->pu;
    }
}

/* Takes memory sizes out of a synthetic description: a virtual machine's change while it runs, and a
 * description must compare equal as long as threads go to the same places. */
static void drop_memory(char *text) {
    for (char *at = text; (at = strstr(at, "memory="));) {
        char *end = at + strcspn(at, " )");
        if (at > text && at[-1] == '(' && *end == ')') at--, end++;
        else if (*end == ' ') end++;
        memmove(at, end, strlen(end) + 1);
    }
}

static void describe(struct mk_topo *topo, uint32_t machine_pus) {
    hwloc_topology_t hwloc = topo->hwloc;
    struct mk_topo_machine *machine = &topo->machine;
    char text[4096];
    machine->thissystem = hwloc_topology_is_thissystem(hwloc);
    machine->packages = count_of(hwloc, HWLOC_OBJ_PACKAGE, 1);
    machine->numa_nodes = count_of(hwloc, HWLOC_OBJ_NUMANODE, 1);
    machine->pus = count_of(hwloc, HWLOC_OBJ_PU, 0);
    machine->cores = count_of(hwloc, HWLOC_OBJ_CORE, machine->pus);
    machine->machine_pus = machine_pus;
    machine->l1d = cache_of(hwloc, HWLOC_OBJ_L1CACHE);
    machine->l2 = cache_of(hwloc, HWLOC_OBJ_L2CACHE);
    machine->l3 = cache_of(hwloc, HWLOC_OBJ_L3CACHE);
    int length = hwloc_topology_export_synthetic(hwloc, text, sizeof text, 0);
    if (length > 0 && length < (int)sizeof text) {
        drop_memory(text);
        machine->synthetic = mk_need_text(text);
    }
    describe_places(topo);
}

/* ---- loading ------------------------------------------------------------------------------ */

static struct mk_topo *fresh(struct mk_err *err) {
    struct mk_topo *topo = mk_need(1, sizeof *topo);
    topo->allowed = hwloc_bitmap_alloc();
    if (topo->allowed && !hwloc_topology_init(&topo->hwloc)) {
        hwloc_topology_set_io_types_filter(topo->hwloc, HWLOC_TYPE_FILTER_KEEP_NONE);
        return topo;
    }
    hwloc_bitmap_free(topo->allowed);
    free(topo);
    mk_fail(err, "hwloc cannot start: %s", strerror(errno));
    return NULL;
}

/* hwloc loads the real machine, without a word, when these name something it cannot use. */
static int check_overrides(hwloc_topology_t hwloc, struct mk_err *err) {
    static const char *const overrides[] = {"HWLOC_SYNTHETIC", "HWLOC_XMLFILE"};
    if (!hwloc_topology_is_thissystem(hwloc) || getenv("HWLOC_THISSYSTEM")) return 0;
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++)
        if (getenv(overrides[i]))
            return mk_fail(err, "%s=%.100s is nothing hwloc can use, so it would describe this machine instead: "
                           "correct it or unset it", overrides[i], getenv(overrides[i]));
    return 0;
}

/* Loads, narrows to what the process may use (hwloc itself ignores taskset), and describes. */
static int finish(struct mk_topo *topo, struct mk_err *err) {
    hwloc_topology_t hwloc = topo->hwloc;
    if (hwloc_topology_load(hwloc)) return mk_fail(err, "hwloc cannot read the topology: %s", strerror(errno));
    if (check_overrides(hwloc, err)) return -1;
    uint32_t machine_pus = (uint32_t)hwloc_bitmap_weight(hwloc_topology_get_complete_cpuset(hwloc));
    hwloc_bitmap_copy(topo->allowed, hwloc_topology_get_allowed_cpuset(hwloc));
    if (hwloc_topology_is_thissystem(hwloc)) {
        hwloc_bitmap_t bound = hwloc_bitmap_alloc();
        if (bound && !hwloc_get_cpubind(hwloc, bound, HWLOC_CPUBIND_THREAD))
            hwloc_bitmap_and(topo->allowed, topo->allowed, bound);
        hwloc_bitmap_free(bound);
    }
    if (hwloc_topology_restrict(hwloc, topo->allowed, 0))
        return mk_fail(err, "hwloc cannot narrow the topology to the allowed PUs: %s", strerror(errno));
    describe(topo, machine_pus);
    if (!topo->machine.pus) return mk_fail(err, "the topology has no PU that this process may use");
    return 0;
}

int mk_topo_load(struct mk_topo **out, struct mk_err *err) {
    *out = NULL;
    struct mk_topo *topo = fresh(err);
    if (!topo) return -1;
    if (!finish(topo, err)) {
        *out = topo;
        return 0;
    }
    mk_topo_free(topo);
    return -1;
}

int mk_topo_synthetic(struct mk_topo **out, const char *text, struct mk_err *err) {
    *out = NULL;
    struct mk_topo *topo = fresh(err);
    if (!topo) return -1;
    int refused = hwloc_topology_set_synthetic(topo->hwloc, text);
    if (refused) mk_fail(err, "\"%.100s\" is no topology: expected something like \"pack:2 core:8 pu:2\"", text);
    if (!refused && !finish(topo, err)) {
        *out = topo;
        return 0;
    }
    mk_topo_free(topo);
    return -1;
}

void mk_topo_free(struct mk_topo *topo) {
    if (!topo) return;
    hwloc_topology_destroy(topo->hwloc);
    hwloc_bitmap_free(topo->allowed);
    free(topo->machine.synthetic);
    free(topo->places);
    free(topo->pus);
    free(topo);
}

const struct mk_topo_machine *mk_topo_machine(const struct mk_topo *topo) { return &topo->machine; }

const char *mk_topo_synthetic_text(const struct mk_topo *topo) { return topo->machine.synthetic; }

const struct mk_topo_pu *mk_topo_pu_list(const struct mk_topo *topo, uint32_t *n) {
    *n = topo->machine.pus;
    return topo->pus;
}

/* ---- placement ---------------------------------------------------------------------------- */

static int by(uint32_t a, uint32_t b) { return (a > b) - (a < b); }

static int compare_compact(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return by(x->logical, y->logical);
}

/* As far apart as can be: the PU's own rank weighs most, then its core's, and the package's least. */
static int compare_scatter(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    for (int level = 0; level < RANKS; level++)
        if (x->rank[level] != y->rank[level]) return by(x->rank[level], y->rank[level]);
    return compare_compact(a, b);
}

static int compare_cores(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    int order = by(x->rank_in_core, y->rank_in_core);
    return order ? order : compare_compact(a, b);
}

static int compare_numa(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    int order = by(x->pu.numa_node, y->pu.numa_node);
    return order ? order : compare_cores(a, b);
}

enum { COMPACT, SCATTER, CORES, NUMA, NONE, LIST };
static int (*const compare[])(const void *, const void *) = {compare_compact, compare_scatter, compare_cores,
                                                             compare_numa};

const struct mk_topo_policy mk_topo_policies[] = {
    [COMPACT] = {"compact", "neighbours first: all PUs of a core, all cores of a package, then the next"},
    [SCATTER] = {"scatter", "as far apart as can be: packages in turn, then caches, then cores, siblings last"},
    [CORES] = {"cores", "one thread on each core, in order; second PUs of cores only when all have one"},
    [NUMA] = {"numa", "one NUMA node after the other is filled, each one thread per core first"},
    [NONE] = {"none", "not pinned: the kernel's scheduler decides"},
    [LIST] = {"LIST", "OS indexes of PUs, such as 0,2,4-7, in this order"},
    {NULL, NULL},
};

static int policy_of(const char *policy, struct mk_err *err) {
    if (policy[0] >= '0' && policy[0] <= '9') return LIST;
    for (int i = COMPACT; i < LIST; i++)
        if (strcmp(policy, mk_topo_policies[i].name) == 0) return i;
    return mk_fail(err, "\"%.60s\" is no pinning policy: use compact, scatter, cores, numa, none, or a list of PUs "
                   "such as 0,2,4-7", policy);
}

/* Reads one number and moves on. Numbers that no machine has are refused here already. */
static bool read_index(const char **at, uint32_t *out) {
    char *end;
    if (**at < '0' || **at > '9') return false;
    unsigned long value = strtoul(*at, &end, 10);
    if (value >= 1u << 20) return false;
    *at = end;
    *out = (uint32_t)value;
    return true;
}

/* Calls each(arg, pu, err) for the PUs of a list in order, until it returns other than 0. */
static int walk_list(const char *list, int (*each)(void *arg, uint32_t pu, struct mk_err *err), void *arg,
                     struct mk_err *err) {
    const char *at = list;
    for (;;) {
        uint32_t first, last;
        bool good = read_index(&at, &first);
        last = first;
        if (good && *at == '-') at++, good = read_index(&at, &last) && last >= first;
        if (!good || (*at && *at != ','))
            return mk_fail(err, "\"%.60s\" is no list of PUs (see \"%.20s\"): write numbers and ranges such as "
                           "0,2,4-7", list, at);
        for (uint32_t pu = first; pu <= last; pu++)
            if (each(arg, pu, err)) return -1;
        if (!*at) return 0;
        at++;
    }
}

static int accept_any(void *arg, uint32_t pu, struct mk_err *err) {
    (void)arg, (void)pu, (void)err;
    return 0;
}

int mk_topo_check_policy(const char *policy, struct mk_err *err) {
    int kind = policy_of(policy, err);
    if (kind < 0) return -1;
    return kind == LIST ? walk_list(policy, accept_any, NULL, err) : 0;
}

/* The order in which a policy fills PUs. A list may name a PU twice. */
struct filling {
    const struct mk_topo *topo;
    uint32_t *order;
    size_t order_n;
};

static int take_listed(void *arg, uint32_t pu, struct mk_err *err) {
    struct filling *filling = arg;
    if (!hwloc_bitmap_isset(filling->topo->allowed, pu)) {
        char *allowed = NULL;
        hwloc_bitmap_list_asprintf(&allowed, filling->topo->allowed);
        mk_fail(err, "PU %u is not available; this process may use %.100s (taskset and cgroups narrow it)", pu,
                allowed ? allowed : "others");
        free(allowed);
        return -1;
    }
    *(uint32_t *)mk_grow(&filling->order, &filling->order_n, sizeof *filling->order) = pu;
    return 0;
}

static void take_sorted(struct filling *filling, int kind) {
    uint32_t n = filling->topo->machine.pus;
    struct place *sorted = mk_need(n, sizeof *sorted);
    memcpy(sorted, filling->topo->places, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare[kind]);
    filling->order = mk_need(n, sizeof *filling->order);
    filling->order_n = n;
    for (uint32_t i = 0; i < n; i++) filling->order[i] = sorted[i].pu.os;
    free(sorted);
}

static bool any_twice(const uint32_t *pus, uint32_t n) {
    hwloc_bitmap_t seen = hwloc_bitmap_alloc();
    bool twice = false;
    for (uint32_t i = 0; i < n && !twice; i++) {
        twice = hwloc_bitmap_isset(seen, pus[i]);
        hwloc_bitmap_set(seen, pus[i]);
    }
    hwloc_bitmap_free(seen);
    return twice;
}

int mk_topo_place(const struct mk_topo *topo, const char *policy, uint32_t threads, uint32_t *pus,
                  bool *oversubscribed, struct mk_err *err) {
    struct filling filling = {.topo = topo};
    int kind = policy_of(policy, err);
    if (kind < 0) return -1;
    if (!threads) return mk_fail(err, "nothing to place: a cell needs at least one thread");
    if (kind == NONE) {
        for (uint32_t i = 0; i < threads; i++) pus[i] = MK_PU_NONE;
        *oversubscribed = threads > topo->machine.pus;
        return 0;
    }
    if (kind != LIST) take_sorted(&filling, kind);
    else if (walk_list(policy, take_listed, &filling, err)) {
        free(filling.order);
        return -1;
    }
    for (uint32_t i = 0; i < threads; i++) pus[i] = filling.order[i % filling.order_n];
    *oversubscribed = any_twice(pus, threads);
    free(filling.order);
    return 0;
}

static const struct mk_topo_pu *find_pu(const struct mk_topo *topo, uint32_t os) {
    for (uint32_t i = 0; i < topo->machine.pus; i++)
        if (topo->pus[i].os == os) return &topo->pus[i];
    return NULL;
}

bool mk_topo_shares_core(const struct mk_topo *topo, const uint32_t *pus, uint32_t n) {
    uint32_t *pu_on = mk_need(topo->machine.pus, sizeof *pu_on); /* by core: one more than its first PU */
    bool shared = false;
    for (uint32_t i = 0; i < n && !shared; i++) {
        const struct mk_topo_pu *pu = find_pu(topo, pus[i]);
        if (!pu) continue;
        shared = pu_on[pu->core] && pu_on[pu->core] != pu->os + 1;
        pu_on[pu->core] = pu->os + 1;
    }
    free(pu_on);
    return shared;
}

uint32_t mk_topo_auto_threads(const struct mk_topo *topo, uint64_t out[MK_TOPO_AUTO_MAX]) {
    uint64_t cores = topo->machine.cores, pus = topo->machine.pus;
    uint32_t n = 0;
    for (uint64_t threads = 1; threads < cores; threads *= 2) out[n++] = threads;
    out[n++] = cores;
    if (pus > cores) out[n++] = pus;
    out[n++] = 2 * pus;
    return n;
}

/* ---- binding ------------------------------------------------------------------------------ */

/* On a synthetic topology hwloc's binding calls succeed and do nothing. */
static int check_real(const struct mk_topo *topo, struct mk_err *err) {
    if (topo->machine.thissystem) return 0;
    return mk_fail(err, "a synthetic topology can be planned for, but nothing can be bound to it: run without one");
}

/* Binds the calling thread and believes only what it reads back. */
static int bind_thread(const struct mk_topo *topo, hwloc_const_bitmap_t set, struct mk_err *err) {
    hwloc_bitmap_t now = hwloc_bitmap_alloc();
    char *wanted = NULL, *got = NULL;
    int result = 0;
    hwloc_bitmap_list_asprintf(&wanted, set);
    if (hwloc_set_cpubind(topo->hwloc, set, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT)) {
        result = mk_fail(err, "cannot bind a thread to PU %.60s: %s", wanted ? wanted : "?", strerror(errno));
    } else if (hwloc_get_cpubind(topo->hwloc, now, HWLOC_CPUBIND_THREAD) || !hwloc_bitmap_isequal(now, set)) {
        hwloc_bitmap_list_asprintf(&got, now);
        result = mk_fail(err, "bound a thread to PU %.60s, but the kernel says it may run on %.60s",
                         wanted ? wanted : "?", got ? got : "?");
    }
    free(wanted);
    free(got);
    hwloc_bitmap_free(now);
    return result;
}

int mk_topo_pin(const struct mk_topo *topo, uint32_t pu, struct mk_err *err) {
    if (check_real(topo, err)) return -1;
    if (!find_pu(topo, pu)) return mk_fail(err, "PU %u is not available to this process", pu);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    hwloc_bitmap_only(set, pu);
    int result = bind_thread(topo, set, err);
    hwloc_bitmap_free(set);
    return result;
}

int mk_topo_unpin(const struct mk_topo *topo, struct mk_err *err) {
    if (check_real(topo, err)) return -1;
    return bind_thread(topo, topo->allowed, err);
}

uint32_t mk_topo_here(void) {
    int pu = sched_getcpu();
    return pu < 0 ? MK_PU_NONE : (uint32_t)pu;
}

/* ---- memory ------------------------------------------------------------------------------- */

const struct mk_topo_policy mk_topo_memory_policies[] = {
    {"local", "pages come from the NUMA node of the thread that touches them first"},
    {"interleave", "pages come from all NUMA nodes in turn"},
    {"node:N", "pages come from NUMA node N (OS index) alone"},
    {NULL, NULL},
};

/* Returns 0 with *node set to N of node:N, or to UINT32_MAX for the other two. */
static int memory_policy(const char *policy, uint32_t *node, struct mk_err *err) {
    *node = UINT32_MAX;
    if (strcmp(policy, "local") == 0 || strcmp(policy, "interleave") == 0) return 0;
    if (strncmp(policy, "node:", 5) == 0) {
        const char *at = policy + 5;
        if (read_index(&at, node) && !*at) return 0;
    }
    return mk_fail(err, "\"%.60s\" is no memory policy: use local, interleave or node:N", policy);
}

int mk_topo_check_memory(const char *policy, struct mk_err *err) {
    uint32_t node;
    return memory_policy(policy, &node, err);
}

static int set_memory(const struct mk_topo *topo, hwloc_const_bitmap_t nodes, hwloc_membind_policy_t policy,
                      const char *name, struct mk_err *err) {
    if (!hwloc_set_membind(topo->hwloc, nodes, policy, HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET)) return 0;
    return mk_fail(err, "memory policy %.60s is not in force: %s%s", name, strerror(errno),
                   errno == EPERM ? " (containers often forbid set_mempolicy)" : "");
}

int mk_topo_bind_memory(const struct mk_topo *topo, const char *policy, struct mk_err *err) {
    uint32_t node;
    if (memory_policy(policy, &node, err) || check_real(topo, err)) return -1;
    hwloc_const_bitmap_t all = hwloc_topology_get_topology_nodeset(topo->hwloc);
    if (policy[0] == 'l') return set_memory(topo, all, HWLOC_MEMBIND_DEFAULT, policy, err);
    if (policy[0] == 'i') return set_memory(topo, all, HWLOC_MEMBIND_INTERLEAVE, policy, err);
    if (!hwloc_bitmap_isset(all, node)) {
        char *nodes = NULL;
        hwloc_bitmap_list_asprintf(&nodes, all);
        mk_fail(err, "NUMA node %u is not available; this process may use %.60s", node, nodes ? nodes : "others");
        free(nodes);
        return -1;
    }
    hwloc_bitmap_t one = hwloc_bitmap_alloc();
    hwloc_bitmap_only(one, node);
    int result = set_memory(topo, one, HWLOC_MEMBIND_BIND, policy, err);
    hwloc_bitmap_free(one);
    return result;
}
