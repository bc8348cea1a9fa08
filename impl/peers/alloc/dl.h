/* dl.h - what peers of kind alloc share: a packaged allocator, loaded when it is first asked for.
 *
 * Linked, such a library would put its malloc in the place of the C library's for every cell. Loaded with
 * RTLD_LOCAL, nobody but the peer sees what it defines. It stays loaded, since threads that have allocated end in
 * it. All instances of a peer in a process are one library with one heap.
 */
#ifndef MK_PEERS_ALLOC_DL_H
#define MK_PEERS_ALLOC_DL_H

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "../../alloc.h"

/* What every malloc promises of its own accord: 16, or as much as the size is a multiple of below that. */
#define DL_NATURAL_ALIGN 16

/* A function of the library, and where in the instance its address goes. The list ends with a NULL name. */
struct dl_call {
    const char *name;
    size_t at;
};
#define DL_CALL(name, member) {name, offsetof(struct mk_alloc, member)}

/* Returns whether a block of `bytes` has this alignment without being asked for it. */
MK_INLINE bool dl_is_natural(size_t bytes, size_t align) {
    return align <= DL_NATURAL_ALIGN && align <= bytes;
}

/* Returns whether the block can stay where it is for so many bytes, and would not waste a half. */
static inline bool dl_fits(const void *block, size_t usable, size_t bytes, size_t align) {
    return (uintptr_t)block % align == 0 && bytes <= usable && bytes >= usable / 2;
}

/* Returns whether the function is the library's own, not that of a library below it. */
static inline bool dl_is_of(void *function, const struct link_map *library) {
    Dl_info info;
    return dladdr(function, &info) && (uintptr_t)info.dli_fbase == (uintptr_t)library->l_addr;
}

/* Says why a library cannot be loaded. Its thread-local variables may want more room than the loader has kept. */
static inline int dl_explain(struct mk_err *err, const char *why) {
    const char *cure = "; start the program with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=8192";
    return mk_fail(err, "%s%s", why, strstr(why, "static TLS") ? cure : "");
}

/* Loads `file` and fills the instance's pointers. Returns 0, or -1 with err set. */
static inline int dl_load(struct mk_alloc *into, const char *file, const struct dl_call *calls,
                          struct mk_err *err) {
    struct link_map *library;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) return dl_explain(err, dlerror());
    if (dlinfo(handle, RTLD_DI_LINKMAP, &library)) return mk_fail(err, "%s", dlerror());
    for (; calls->name; calls++) {
        void *function = dlsym(handle, calls->name);
        if (!function || !dl_is_of(function, library)) return mk_fail(err, "%s has no %s", file, calls->name);
        memcpy((unsigned char *)into + calls->at, &function, sizeof function);
    }
    return 0;
}

/* Makes an instance of so many bytes, with what `file` has, from the C library's memory: nothing of these
 * allocators is their parent's. Returns it, or NULL with err set. */
static inline struct mk_alloc *dl_make(size_t bytes, const char *file, const struct dl_call *calls,
                                       struct mk_err *err) {
    struct mk_alloc *made = calloc(1, bytes);
    if (!made) {
        mk_fail(err, "no memory for the allocator");
        return NULL;
    }
    if (dl_load(made, file, calls, err)) {
        free(made);
        return NULL;
    }
    return made;
}

#endif
