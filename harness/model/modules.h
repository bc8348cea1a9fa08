/* modules.h - the ELF files that this process is made of, and the symbols in them. Only for symbols.c. */
#ifndef MK_MODEL_MODULES_H
#define MK_MODEL_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of them, as it was loaded. Valid until the program ends. */
struct mk_module {
    char *name;     /* of its file, without folders */
    char *path;     /* of its file; of the program itself: "/proc/self/exe", which is right after a rebuild too */
    uintptr_t base; /* what its addresses were moved by: 0 for a program that is not position-independent */
    struct mk_module_symbol *symbols; /* by address */
    size_t symbols_n;
    bool read;
};

struct mk_module_symbol {
    uintptr_t address; /* before it was moved */
    size_t bytes;
    const char *name;
    bool function; /* else a variable */
};

/* Returns the module that an address lies in, or NULL. */
struct mk_module *mk_module_at(uintptr_t address);

/* Returns the function (or else the variable) that an address lies in, static ones included, or NULL. */
const struct mk_module_symbol *mk_module_symbol(struct mk_module *module, uintptr_t address, bool function);

#endif
