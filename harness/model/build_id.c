/* build_id.c - a token means something only to the build it is of: addresses of code, and what a scenario does at
 * its steps, change with every edit. */
#include "build_id.h"
#include "../record.h"
#include "../../impl/mk.h"

#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BITS 48
#define ID_BYTES 6

struct module {
    char *name; /* "" is the program */
    uint64_t id;
    uintptr_t low, high;
};

struct modules {
    struct module *at;
    size_t n;
};

/* Returns the GNU build id among the notes, cut to ID_BYTES, or 0. */
static uint64_t id_in_notes(const unsigned char *notes, size_t bytes, size_t align) {
    const size_t round = align < 4 ? 4 : align;
    size_t at = 0;
    while (bytes - at >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        size_t name = (note.n_namesz + round - 1) / round * round;
        size_t text = (note.n_descsz + round - 1) / round * round;
        if (name > bytes - at || text > bytes - at - name) break;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + at, "GNU", 4) &&
            note.n_descsz >= ID_BYTES) {
            uint64_t id = 0;
            for (size_t i = 0; i < ID_BYTES; i++) id = id << 8 | notes[at + name + i];
            return id;
        }
        at += name + text;
    }
    return 0;
}

static uint64_t id_of_code(const unsigned char *code, size_t bytes) {
    uint64_t id = bytes, word = 0;
    for (size_t i = 0; i < bytes; i += 8) {
        memcpy(&word, code + i, bytes - i < 8 ? bytes - i : 8);
        id = mk_mix64(id ^ word);
    }
    return id >> (64 - ID_BITS);
}

static uint64_t id_of(const struct dl_phdr_info *info) {
    uint64_t code = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const unsigned char *at = (const unsigned char *)(info->dlpi_addr + part->p_vaddr);
        uint64_t id = part->p_type == PT_NOTE ? id_in_notes(at, part->p_memsz, part->p_align) : 0;
        if (id) return id;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        bool is_code = part->p_type == PT_LOAD && part->p_flags & PF_X && part->p_flags & PF_R;
        if (is_code) code += id_of_code((const unsigned char *)(info->dlpi_addr + part->p_vaddr), part->p_filesz);
    }
    return code & (((uint64_t)1 << ID_BITS) - 1);
}

static int collect(struct dl_phdr_info *info, size_t bytes, void *arg) {
    struct modules *modules = arg;
    (void)bytes;
    struct module *module = mk_grow(&modules->at, &modules->n, sizeof *module);
    bool is_program = modules->n == 1; /* it is the first */
    module->name = mk_need_text(is_program || !info->dlpi_name ? "" : info->dlpi_name);
    module->low = UINTPTR_MAX;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD) continue;
        uintptr_t low = info->dlpi_addr + part->p_vaddr, high = low + part->p_memsz;
        if (low < module->low) module->low = low;
        if (high > module->high) module->high = high;
    }
    module->id = id_of(info);
    return 0;
}

/* Returns whether it exports mk_plugin itself; what it merely links with does not count. */
static bool is_plugin(const struct module *module) {
    if (!module->name[0]) return false;
    void *handle = dlopen(module->name, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) return false;
    uintptr_t at = (uintptr_t)dlsym(handle, "mk_plugin");
    dlclose(handle);
    return at >= module->low && at < module->high;
}

const char *mk_build_id(char *out) {
    struct modules modules = {0};
    uint64_t plugins = 0;
    size_t plugins_n = 0;
    dl_iterate_phdr(collect, &modules);
    for (size_t i = 0; i < modules.n; i++) {
        if (!is_plugin(&modules.at[i])) continue;
        plugins += mk_mix64(modules.at[i].id);
        plugins_n++;
    }
    int n = snprintf(out, MK_BUILD_ID_ROOM, "%012" PRIx64, modules.n ? modules.at[0].id : 0);
    if (plugins_n) snprintf(out + n, MK_BUILD_ID_ROOM - (size_t)n, "+%012" PRIx64, plugins >> (64 - ID_BITS));
    for (size_t i = 0; i < modules.n; i++) free(modules.at[i].name);
    free(modules.at);
    return out;
}
