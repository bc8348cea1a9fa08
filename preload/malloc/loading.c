/* loading.c - dlopen without RTLD_DEEPBIND. A library that is loaded so has the C library's malloc and free for its
 * own calls, while strdup, getline and all else in the C library allocate here: it could not free what they return.
 */
#include <dlfcn.h>

#include "memkit.h"

#ifdef __clang__
#define ENDS_IN_JUMP
#else
#define ENDS_IN_JUMP __attribute__((optimize("optimize-sibling-calls")))
#endif

/* The C library finds files by who calls, so this has to end in a jump and not be on the stack. */
__attribute__((visibility("default"))) ENDS_IN_JUMP void *dlopen(const char *file, int mode) {
    static void *(*next)(const char *, int);
    if (!next) next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    return next(file, mode & ~RTLD_DEEPBIND);
}
