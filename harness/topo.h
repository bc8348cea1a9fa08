/* topo.h - the machine's shape, where threads and memory are put, and whether they got there.
 *
 * The only door to hwloc. A topology is either this machine's, narrowed to what may be used (allowed
 * cpuset, cgroup cpuset, and the loading thread's own mask, which is taskset's while it is not pinned),
 * or one made from a synthetic description, which can be planned for and never run on. Load and free
 * it in the main thread, before others exist; what takes a `const struct mk_topo *` any thread may call.
 *
 * PUs are named by their OS index, the number that taskset and /proc use.
 */
#ifndef MK_TOPO_H
#define MK_TOPO_H

#include "../impl/mk.h"
#include "record.h"

struct mk_topo;

#define MK_PU_NONE UINT32_MAX /* not pinned */

/* One level of data cache, as its first instance is; all zero where there is none or none is known. */
struct mk_topo_cache {
    uint64_t bytes;
    uint32_t line_bytes;
    uint32_t ways;  /* 0 = unknown; UINT32_MAX = fully associative */
    uint32_t count; /* instances among the usable PUs */
    uint32_t pus;   /* usable PUs that share one */
};

/* What may be used of the machine. */
struct mk_topo_machine {
    char *synthetic;  /* hwloc's one-line description; NULL where the shape is too uneven for one */
    bool thissystem;  /* false: synthetic, nothing can be run */
    uint32_t packages, numa_nodes, cores, pus;
    uint32_t machine_pus; /* with those that this process may not use */
    struct mk_topo_cache l1d, l2, l3;
};
extern const struct mk_record mk_topo_machine_record;

/* One usable PU. Other numbers than `os` are hwloc's logical indexes. */
struct mk_topo_pu {
    uint32_t os;
    uint32_t core, package, numa_node;
};

/* A row of documentation: a placement or memory policy by name. The list ends with a NULL name. */
struct mk_topo_policy {
    const char *name;
    const char *help;
};
extern const struct mk_topo_policy mk_topo_policies[];
extern const struct mk_topo_policy mk_topo_memory_policies[];

/* Returns 0 and this machine's topology in *out, or -1 with err set. The caller frees it. */
int mk_topo_load(struct mk_topo **out, struct mk_err *err);

/* As mk_topo_load for a synthetic description such as "pack:2 core:8 pu:2". */
int mk_topo_synthetic(struct mk_topo **out, const char *text, struct mk_err *err);

/* Frees a topology; NULL is allowed. */
void mk_topo_free(struct mk_topo *topo);

/* Returns the counts and sizes; owned by the topology. */
const struct mk_topo_machine *mk_topo_machine(const struct mk_topo *topo);

/* Returns mk_topo_machine(topo)->synthetic; NULL where the shape has no such description. */
const char *mk_topo_synthetic_text(const struct mk_topo *topo);

/* Returns the usable PUs in hwloc's order, their number in *n; owned by the topology. */
const struct mk_topo_pu *mk_topo_pu_list(const struct mk_topo *topo, uint32_t *n);

/* Returns 0 when `policy` is a placement policy or a well-formed list of PUs such as "0,2,4-7";
 * else -1 with err set. Knows no machine: whether the PUs exist is seen by mk_topo_place. */
int mk_topo_check_policy(const char *policy, struct mk_err *err);

/* Returns 0 and, for each of `threads` threads (at least one), the OS index of its PU in pus[]
 * (MK_PU_NONE for policy "none"); or -1 with err set. Thread i's place does not depend on how many
 * follow. Past the last PU the policy begins again. *oversubscribed says whether two threads have to
 * share a PU. */
int mk_topo_place(const struct mk_topo *topo, const char *policy, uint32_t threads, uint32_t *pus,
                  bool *oversubscribed, struct mk_err *err);

/* Returns whether two different PUs among the n are on one core. */
bool mk_topo_shares_core(const struct mk_topo *topo, const uint32_t *pus, uint32_t n);

/* Writes the thread counts that "auto" stands for, ascending: powers of two below the cores, the
 * cores, the PUs, twice the PUs. Returns how many there are, at most MK_TOPO_AUTO_MAX. */
#define MK_TOPO_AUTO_MAX 36
uint32_t mk_topo_auto_threads(const struct mk_topo *topo, uint64_t out[MK_TOPO_AUTO_MAX]);

/* Binds the calling thread to one PU and reads the binding back. Returns 0, or -1 with err set: no
 * such PU, refused, not what was asked for, or a synthetic topology. */
int mk_topo_pin(const struct mk_topo *topo, uint32_t pu, struct mk_err *err);

/* Gives the calling thread all PUs that were usable when the topology was loaded. A pinned thread
 * must do so before it makes threads: they inherit its binding. Returns 0, or -1 with err set. */
int mk_topo_unpin(const struct mk_topo *topo, struct mk_err *err);

/* Returns the OS index of the PU the calling thread is on at this moment; MK_PU_NONE if unknown. */
uint32_t mk_topo_here(void);

/* Returns 0 when `policy` is "local", "interleave" or "node:N"; else -1 with err set. */
int mk_topo_check_memory(const char *policy, struct mk_err *err);

/* Sets where pages come from that the calling thread touches first, from now on; pages that the
 * allocator already has stay where they are. Returns 0, or -1 and the reason in err (containers often
 * forbid it): the caller records the reason and goes on. */
int mk_topo_bind_memory(const struct mk_topo *topo, const char *policy, struct mk_err *err);

#endif
