/* loaded.c - a library that probes load and unload: it allocates while it is loaded, when it is called and, with
 * its destructor, while it is unloaded. */
#include <stdlib.h>
#include <string.h>

static char *at_load;

void *loaded_take(size_t size);
void loaded_give(void *at);
char *loaded_text(void);
int loaded_pairs(void);
int loaded_copies(void);

__attribute__((constructor)) static void load(void) {
    at_load = calloc(1, 3000);
    if (!at_load) abort();
    strcpy(at_load, "loaded");
    for (size_t size = 1; size < 100000; size *= 3) free(malloc(size));
}

__attribute__((destructor)) static void unload(void) {
    at_load = realloc(at_load, 9000);
    if (!at_load || strcmp(at_load, "loaded") != 0) abort();
    free(at_load);
}

/* Blocks that the program is to free, and that it brought. */
void *loaded_take(size_t size) {
    return malloc(size);
}

void loaded_give(void *at) {
    free(at);
}

char *loaded_text(void) {
    return strdup("a text of the loaded library");
}

/* Returns 1 if blocks that stay in the library are in order. */
int loaded_pairs(void) {
    for (size_t size = 1; size < 3000000; size = size * 2 + 1) {
        unsigned char *at = malloc(size);
        if (!at) return 0;
        memset(at, 3, size);
        at = realloc(at, size * 2);
        if (!at || at[0] != 3 || at[size - 1] != 3) return 0;
        free(at);
    }
    return 1;
}

/* Returns 1 if blocks of the C library can be freed here. */
int loaded_copies(void) {
    for (int i = 0; i < 100; i++) {
        char *copy = strdup("a copy that the C library allocates");
        if (!copy) return 0;
        free(copy);
    }
    return 1;
}
