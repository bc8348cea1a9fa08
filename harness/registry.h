/* registry.h - what there is to measure: the entries of the linker section `mk_impls`, of this
 * program and of loaded plug-ins, sorted and checked. Scenarios (check/scenarios.h) come in by the same doors. */
#ifndef MK_REGISTRY_H
#define MK_REGISTRY_H

#include "impl_api.h"

/* Walks the program's own entries. Returns 0, or -1 with err naming the first malformed entry: an
 * identity registered twice, a name that is not its file's, a missing operation. Call once, first. */
int mk_registry_open(struct mk_err *err);

/* Adds the entries of a shared object. Refused with a sentence that says what to do: another ABI,
 * other headers, another flavour, no entries, duplicates. The object stays loaded. */
int mk_registry_load(const char *path, struct mk_err *err);

/* Entries sorted by kind, name, parts, value size. Valid until the next load. */
size_t mk_registry_count(void);
const struct mk_impl *mk_registry_at(size_t i);

/* Returns the entry, or NULL. `chosen` is "" for default parts, else as in identities
 * ("+hash/NAME"). value_bytes 0 takes the smallest. */
const struct mk_impl *mk_registry_find(const char *kind, const char *name, const char *chosen, uint32_t value_bytes);

/* Of a list as mk_impl.parts has it ("kind/name kind/name"): finds what *at begins with, as *part (NULL where it is not
 * registered), and moves *at on to the next. Returns false at the end. */
bool mk_registry_next_part(const char **at, const struct mk_impl **part);

/* Returns the default (MK_DEFAULT) or the floor (MK_FLOOR) of a kind, or NULL. */
const struct mk_impl *mk_registry_default(const char *kind);
const struct mk_impl *mk_registry_floor(const char *kind);

/* Kinds that have an entry, sorted by name. */
size_t mk_registry_kinds(void);
const struct mk_kind *mk_registry_kind_at(size_t i);
const struct mk_kind *mk_registry_kind(const char *name);

/* Has `hook` called around the atomic operations and locks of all implementations (impl/order.h), those of plug-ins
 * included; NULL: no longer. Returns whether this build has such points. While no other thread is at work. */
bool mk_registry_hook_points(void (*hook)(unsigned line));

/* Returns the number that keys of an instance with these parameters have to be below; 0 = all will do. */
uint64_t mk_key_limit(const struct mk_impl *impl, const uint64_t *params);

/* Returns the operation a workload file calls `name`, or NULL. */
const struct mk_op_desc *mk_kind_op(const struct mk_kind *kind, const char *name);

/* Returns whether the kind's operations work on blocks of memory instead of keys. */
bool mk_kind_has_blocks(const struct mk_kind *kind);

/* Returns whether an implementation is a packaged library's (impl/peers/), which other flavours do not have. */
bool mk_registry_is_peer(const struct mk_impl *impl);

/* Returns the digest with this implementation in it: what its identity names, and what its file says it can do. */
uint64_t mk_registry_digest(uint64_t digest, const struct mk_impl *impl);

#endif
