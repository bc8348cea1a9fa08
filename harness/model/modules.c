/* modules.c - see modules.h. Static variables are in .symtab alone, which is loaded by nobody: it is read from the
 * file (the ELF specification of the System V ABI, chapter 4). */
#include "modules.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../record.h"

#define SELF "/proc/self/exe"

static struct mk_module **modules;
static size_t modules_n;

/* ---- what is loaded -------------------------------------------------------------------------- */

struct search {
    uintptr_t address;
    const char *path; /* "" of the program itself; NULL not found */
    uintptr_t base;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || search->address - begin >= part->p_memsz) continue;
        search->path = info->dlpi_name ? info->dlpi_name : "";
        search->base = info->dlpi_addr;
        return 1;
    }
    return 0;
}

static char *name_of(const char *path) {
    char self[PATH_MAX];
    ssize_t n = strcmp(path, SELF) == 0 ? readlink(path, self, sizeof self - 1) : -1;
    if (n > 0) {
        self[n] = '\0';
        path = self;
    }
    const char *slash = strrchr(path, '/');
    char *name = mk_need_text(slash ? slash + 1 : path), *gone = strstr(name, " (deleted)");
    if (gone && n > 0) *gone = '\0';
    return name;
}

struct mk_module *mk_module_at(uintptr_t address) {
    struct search search = {.address = address};
    dl_iterate_phdr(look, &search);
    if (!search.path) return NULL;
    const char *path = *search.path ? search.path : SELF;
    for (size_t i = 0; i < modules_n; i++) {
        if (modules[i]->base == search.base && strcmp(modules[i]->path, path) == 0) return modules[i];
    }
    struct mk_module *module = mk_need(1, sizeof *module);
    module->path = mk_need_text(path);
    module->name = name_of(path);
    module->base = search.base;
    *(struct mk_module **)mk_grow(&modules, &modules_n, sizeof module) = module;
    return module;
}

/* ---- symbols --------------------------------------------------------------------------------- */

struct file {
    const unsigned char *at;
    size_t bytes;
};

/* Returns n elements of that size from an offset of the file on, or NULL where it has not so many. */
static const void *part_of(const struct file *file, uint64_t offset, uint64_t n, size_t bytes) {
    bool fits = offset <= file->bytes && n <= (file->bytes - offset) / bytes;
    return fits && offset % sizeof(uint64_t) == 0 ? file->at + offset : NULL;
}

static const char *strings_of(const struct file *file, const ElfW(Shdr) *section) {
    bool fits = section->sh_offset <= file->bytes && section->sh_size <= file->bytes - section->sh_offset;
    const char *text = (const char *)file->at + section->sh_offset;
    return fits && section->sh_size && text[section->sh_size - 1] == '\0' ? text : NULL;
}

static int by_address(const void *a, const void *b) {
    const struct mk_module_symbol *one = a, *other = b;
    return (one->address > other->address) - (one->address < other->address);
}

static void add_symbols(struct mk_module *module, const ElfW(Sym) *symbol, size_t n, const char *names,
                        size_t room) {
    char *kept = mk_need(room, 1); /* the file may change under us */
    memcpy(kept, names, room);
    module->symbols = mk_need(n, sizeof *module->symbols);
    for (size_t i = 0; i < n; i++) {
        unsigned type = ELF64_ST_TYPE(symbol[i].st_info); /* the same in both classes */
        if ((type != STT_FUNC && type != STT_OBJECT) || symbol[i].st_shndx == SHN_UNDEF) continue;
        if (!symbol[i].st_size || symbol[i].st_name >= room) continue;
        module->symbols[module->symbols_n++] = (struct mk_module_symbol){
            .address = symbol[i].st_value, .bytes = symbol[i].st_size, .name = kept + symbol[i].st_name,
            .function = type == STT_FUNC};
    }
    qsort(module->symbols, module->symbols_n, sizeof *module->symbols, by_address);
}

/* Takes the symbols of one section of that type, where there is one. */
static bool take_table(struct mk_module *module, const struct file *file, const ElfW(Shdr) *section, size_t n,
                       uint32_t type) {
    size_t i = 0;
    while (i < n && section[i].sh_type != type) i++;
    if (i == n || section[i].sh_link >= n) return false;
    const ElfW(Shdr) *names = &section[section[i].sh_link];
    size_t symbols_n = section[i].sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbol = part_of(file, section[i].sh_offset, symbols_n, sizeof *symbol);
    const char *text = strings_of(file, names);
    if (!symbol || !symbols_n || !text) return false;
    add_symbols(module, symbol, symbols_n, text, names->sh_size);
    return true;
}

static void read_mapped(struct mk_module *module, const struct file *file) {
    const ElfW(Ehdr) *head = part_of(file, 0, 1, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return;
    if (head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)) return;
    const ElfW(Shdr) *section = part_of(file, head->e_shoff, head->e_shnum, sizeof *section);
    if (!section || head->e_shentsize != sizeof *section) return;
    if (!take_table(module, file, section, head->e_shnum, SHT_SYMTAB)) {
        take_table(module, file, section, head->e_shnum, SHT_DYNSYM);
    }
}

static void read_symbols(struct mk_module *module) {
    struct stat stat;
    int fd = open(module->path, O_RDONLY | O_CLOEXEC);
    module->read = true;
    if (fd < 0) return;
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        struct file file = {MAP_FAILED, (size_t)stat.st_size};
        file.at = mmap(NULL, file.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file.at != MAP_FAILED) {
            read_mapped(module, &file);
            munmap((void *)(uintptr_t)file.at, file.bytes);
        }
    }
    close(fd);
}

const struct mk_module_symbol *mk_module_symbol(struct mk_module *module, uintptr_t address, bool function) {
    size_t low = 0;
    if (!module->read) read_symbols(module);
    address -= module->base;
    for (size_t high = module->symbols_n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (module->symbols[middle].address <= address) low = middle + 1;
        else high = middle;
    }
    /* Symbols do not nest, but several may begin at one place. */
    for (size_t tries = 0; low > 0 && tries < 8; tries++) {
        const struct mk_module_symbol *symbol = &module->symbols[--low];
        if (symbol->function == function && address - symbol->address < symbol->bytes) return symbol;
    }
    return NULL;
}
