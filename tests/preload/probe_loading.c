/* probe_loading.c - libraries that are loaded at run time allocate from the same malloc as the program. */
#include "probe.h"

#include <dlfcn.h>

struct loaded {
    void *handle;
    void *(*take)(size_t size);
    void (*give)(void *at);
    char *(*text)(void);
    int (*pairs)(void), (*copies)(void);
};

static struct loaded functions_of(void *handle) {
    struct loaded loaded = {.handle = handle};
    if (!handle) FAIL("%s", dlerror());
    loaded.take = (void *(*)(size_t))dlsym(loaded.handle, "loaded_take");
    loaded.give = (void (*)(void *))dlsym(loaded.handle, "loaded_give");
    loaded.text = (char *(*)(void))dlsym(loaded.handle, "loaded_text");
    loaded.pairs = (int (*)(void))dlsym(loaded.handle, "loaded_pairs");
    loaded.copies = (int (*)(void))dlsym(loaded.handle, "loaded_copies");
    CHECK(loaded.take && loaded.give && loaded.text && loaded.pairs && loaded.copies);
    return loaded;
}

static struct loaded load(int flags) {
    char path[4096];
    probe_beside(path, sizeof path, "loaded.so");
    return functions_of(dlopen(path, flags));
}

/* Blocks of a library are used, and freed, after it is gone. */
PROBE(dlopen_and_dlclose_with_live_blocks) {
    enum { BLOCKS = 50 };
    void *at[BLOCKS];
    for (unsigned round = 0; round < 200; round++) {
        struct loaded loaded = load(RTLD_NOW | RTLD_LOCAL);
        CHECK(loaded.pairs() && loaded.copies());
        for (size_t i = 0; i < BLOCKS; i++) {
            CHECK(at[i] = loaded.take(100 * i + 1));
            probe_fill(at[i], 100 * i + 1, i);
        }
        char *text = loaded.text();
        loaded.give(malloc(1000));
        CHECK_EQ(dlclose(loaded.handle), 0);
        CHECK(strcmp(text, "a text of the loaded library") == 0);
        free(text);
        for (size_t i = 0; i < BLOCKS; i++) {
            probe_filled(at[i], 100 * i + 1, 100 * i + 1, i);
            free(at[i]);
        }
    }
}

static void *load_in_thread(void *block) {
    struct loaded loaded = load(RTLD_NOW);
    *(void **)block = loaded.take(1000);
    probe_fill(*(void **)block, 1000, 1);
    CHECK(loaded.pairs());
    return loaded.handle;
}

PROBE(dlopen_in_threads) {
    pthread_t thread[4];
    void *block[4];
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 4; i++) thread[i] = probe_thread(load_in_thread, &block[i]);
        for (unsigned i = 0; i < 4; i++) {
            void *handle;
            CHECK_EQ(pthread_join(thread[i], &handle), 0);
            CHECK_EQ(dlclose(handle), 0);
            probe_filled(block[i], 1000, 1000, 1);
            free(block[i]);
        }
    }
}

/* Loaded with RTLD_DEEPBIND, a library may get the malloc of the C library: what it allocates and frees itself is
 * in order at the least. */
PROBE(dlopen_deepbind_within) {
    struct loaded loaded = load(RTLD_NOW | RTLD_DEEPBIND);
    for (unsigned i = 0; i < 20; i++) CHECK(loaded.pairs());
    CHECK_EQ(dlclose(loaded.handle), 0);
}

/* In a namespace of its own it has a C library of its own, too, and the malloc of that. */
PROBE(dlopen_in_new_namespace) {
    char path[4096];
    probe_beside(path, sizeof path, "loaded.so");
    struct loaded loaded = functions_of(dlmopen(LM_ID_NEWLM, path, RTLD_NOW));
    for (unsigned i = 0; i < 20; i++) {
        CHECK(loaded.pairs() && loaded.copies());
        probe_exercise(i);
    }
    loaded.give(loaded.take(1000));
    CHECK_EQ(dlclose(loaded.handle), 0);
}

/* Loaded with RTLD_DEEPBIND, and blocks go across: those of the C library freed in it, its own here, and ours
 * there. */
PROBE(dlopen_deepbind_across) {
    struct loaded loaded = load(RTLD_NOW | RTLD_DEEPBIND);
    CHECK(loaded.copies());
    free(loaded.text());
    for (size_t size = 1; size < 1000000; size = size * 2 + 1) {
        void *at = loaded.take(size);
        probe_fill(at, size, 1);
        CHECK(at = realloc(at, size + 1000));
        probe_filled(at, size, size, 1);
        free(at);
        loaded.give(malloc(size));
    }
    CHECK_EQ(dlclose(loaded.handle), 0);
}
