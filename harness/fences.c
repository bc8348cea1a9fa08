/* fences.c - whether a program or shared object calls for fences: the symbol tables of an ELF file. */
#include "sanitizer.h"

#include <elf.h>
#include <stdlib.h>

#define FENCE "__tsan_atomic_thread" "_fence" /* cut, for it is a name that the tree is searched for */
#define FILE_MAX ((size_t)1 << 30) /* bytes */

/* What is read of a section, in either width. */
struct section {
    uint32_t type, link;
    uint64_t offset, size, entry_size;
};

struct elf {
    const char *at;
    size_t n;
    bool wide; /* 64 bits */
    struct section *sections;
    size_t sections_n;
};

/* Returns n bytes of the file at an offset, or NULL where it has not so many. */
static const char *bytes_of(const struct elf *elf, uint64_t offset, uint64_t n) {
    return offset <= elf->n && n <= elf->n - offset ? elf->at + offset : NULL;
}

/* Files of this machine's byte order: no other can be run. */
static bool is_elf(const struct elf *elf) {
    const unsigned char *ident = (const unsigned char *)bytes_of(elf, 0, EI_NIDENT);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0) return false;
    bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    return ident[EI_DATA] == (little ? ELFDATA2LSB : ELFDATA2MSB);
}

#define READ_SECTIONS(BITS)                                                                                     \
    static bool read_sections_##BITS(struct elf *elf) {                                                         \
        Elf##BITS##_Ehdr header;                                                                                \
        Elf##BITS##_Shdr section;                                                                               \
        const char *at = bytes_of(elf, 0, sizeof header);                                                       \
        if (!at) return false;                                                                                  \
        memcpy(&header, at, sizeof header);                                                                     \
        const char *table = bytes_of(elf, header.e_shoff, (uint64_t)header.e_shnum * sizeof section);           \
        if (!table || header.e_shentsize != sizeof section) return false;                                       \
        elf->sections_n = header.e_shnum;                                                                       \
        elf->sections = mk_need(elf->sections_n + 1, sizeof *elf->sections);                                    \
        for (size_t i = 0; i < elf->sections_n; i++) {                                                          \
            memcpy(&section, table + i * sizeof section, sizeof section);                                       \
            elf->sections[i] = (struct section){.type = section.sh_type, .link = section.sh_link,               \
                                                .offset = section.sh_offset, .size = section.sh_size,           \
                                                .entry_size = section.sh_entsize};                              \
        }                                                                                                       \
        return true;                                                                                            \
    }
READ_SECTIONS(32)
READ_SECTIONS(64)

static bool names_fence(const struct elf *elf, const struct section *names, uint32_t name) {
    if (name >= names->size || names->size - name < sizeof FENCE) return false;
    const char *at = bytes_of(elf, names->offset + name, sizeof FENCE);
    return at && memcmp(at, FENCE, sizeof FENCE) == 0;
}

/* Undefined ones: a program that has the runtime linked into it defines the function and may never call it. */
static bool calls_fence(const struct elf *elf, const struct section *table) {
    size_t size = elf->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    const char *symbols = bytes_of(elf, table->offset, table->size);
    if (!symbols || table->entry_size != size || table->link >= elf->sections_n) return false;
    const struct section *names = &elf->sections[table->link];
    if (!bytes_of(elf, names->offset, names->size)) return false;
    for (uint64_t at = 0; table->size - at >= size; at += size) {
        Elf64_Sym wide;
        Elf32_Sym narrow;
        memcpy(elf->wide ? (void *)&wide : (void *)&narrow, symbols + at, size);
        if ((elf->wide ? wide.st_shndx : narrow.st_shndx) != SHN_UNDEF) continue;
        if (names_fence(elf, names, elf->wide ? wide.st_name : narrow.st_name)) return true;
    }
    return false;
}

static bool has_fences(struct elf *elf) {
    if (!is_elf(elf)) return false;
    elf->wide = elf->at[EI_CLASS] == ELFCLASS64;
    if (!(elf->wide ? read_sections_64(elf) : read_sections_32(elf))) return false;
    for (size_t i = 0; i < elf->sections_n; i++) {
        uint32_t type = elf->sections[i].type;
        if ((type == SHT_SYMTAB || type == SHT_DYNSYM) && calls_fence(elf, &elf->sections[i])) return true;
    }
    return false;
}

bool mk_sanitizer_has_fences(const char *path) {
    struct mk_text text = {0};
    struct mk_err err;
    bool has = false;
    if (!mk_text_load(&text, path, FILE_MAX, &err)) {
        struct elf elf = {.at = text.at, .n = text.n};
        has = has_fences(&elf);
        free(elf.sections);
    }
    mk_text_free(&text);
    return has;
}
