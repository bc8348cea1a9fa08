/* reset.c - variables of implementations as they were before the schedule: no implementation has code for that, and
 * a process for each schedule (fork) would cost more than most schedules do.
 *
 * scripts/model_object has put the variables into sections whose bounds the linker knows. Hooks tell of every
 * write outside the arenas, and only the pieces that were written to are copied back. Thread-locals are pieces too:
 * those of each fiber, which lie where the thread that lends its control block has them. Since sections of
 * thread-locals cannot be told apart once they are linked, those of the whole module are set back, if one
 * implementation in it has any.
 */
#include "reset.h"

#include <link.h>
#include <stdlib.h>

#include "../record.h"

#define PIECE_BYTES 512u

/* Bytes that are set back. A piece of it is written to, or is as it was. */
struct range {
    uintptr_t begin, end;
    const unsigned char *image; /* what it was, so far as it was not zero */
    size_t image_bytes;
    bool *written; /* by piece */
};
static struct range *ranges; /* by address; they do not overlap */
static size_t ranges_n;
static uintptr_t lowest = UINTPTR_MAX, highest; /* no range lies outside these */
static size_t recent;                           /* the range that was found last */

/* The pieces to set back, in no order. */
struct piece {
    uint32_t range, number;
};
static struct piece *pieces;
static size_t pieces_n, pieces_room; /* as many as there are in all ranges */

/* A module whose thread-locals are to be found, once there are fibers. */
static const unsigned char **tls_modules;
static size_t tls_modules_n;

/* ---- ranges ---------------------------------------------------------------------------------- */

static bool all_zero(const unsigned char *at, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (at[i]) return false;
    }
    return true;
}

static void set_back_all(void);

/* `image` is kept. */
static void add_range(uintptr_t begin, size_t bytes, const unsigned char *image, size_t image_bytes) {
    size_t at = ranges_n, in_pieces = (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    if (!bytes) return;
    set_back_all(); /* numbers of ranges change */
    ranges = mk_need_more(ranges, ranges_n + 1, sizeof *ranges);
    for (; at && ranges[at - 1].begin > begin; at--) ranges[at] = ranges[at - 1];
    ranges[at] = (struct range){begin, begin + bytes, image, image_bytes, mk_need(in_pieces, sizeof(bool))};
    ranges_n++;
    pieces_room += in_pieces;
    pieces = mk_need_more(pieces, pieces_room, sizeof *pieces);
    lowest = ranges[0].begin;
    highest = ranges[ranges_n - 1].end;
}

/* Variables as they are now. */
static void add_variables(const unsigned char *begin, const unsigned char *end) {
    size_t bytes = (size_t)(end - begin);
    if (!bytes) return;
    unsigned char *image = NULL;
    if (!all_zero(begin, bytes)) {
        image = mk_need(bytes, 1);
        memcpy(image, begin, bytes);
    }
    add_range((uintptr_t)begin, bytes, image, image ? bytes : 0);
}

static void add_plugin(const struct mk_plugin_variables *variables) {
    add_variables(variables->data, variables->data_end);
    add_variables(variables->bss, variables->bss_end);
    const unsigned char *made = variables->made;
    while (made < variables->made_end && !*made) made++;
    if (made == variables->made_end) return;
    tls_modules = mk_need_more(tls_modules, tls_modules_n + 1, sizeof *tls_modules);
    tls_modules[tls_modules_n++] = made;
}

void mk_reset_open(void) {
    static const struct mk_plugin_variables own = MK_VARIABLES;
    static bool open;
    if (!open) add_plugin(&own);
    open = true;
}

void mk_reset_plugin(const struct mk_plugin *plugin) {
    add_plugin(&plugin->variables);
}

/* ---- thread-locals --------------------------------------------------------------------------- */

static bool module_has(const struct dl_phdr_info *module, uintptr_t address) {
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && address - (module->dlpi_addr + part->p_vaddr) < part->p_memsz) return true;
    }
    return false;
}

/* Of libc. Makes the block of a module where the thread has not asked for it yet, so that it stays where it is. */
struct tls_index {
    unsigned long module, offset;
};
void *__tls_get_addr(struct tls_index *index);

static void add_block(const struct dl_phdr_info *module, const ElfW(Phdr) *part) {
    struct tls_index index = {module->dlpi_tls_modid, 0};
    void *block = module->dlpi_tls_data;
    if (!block) block = __tls_get_addr(&index);
    add_range((uintptr_t)block, part->p_memsz, (const unsigned char *)module->dlpi_addr + part->p_vaddr,
              part->p_filesz);
}

static int look_at_module(struct dl_phdr_info *module, size_t size, void *arg) {
    bool wanted = false;
    (void)size, (void)arg;
    for (size_t i = 0; i < tls_modules_n; i++) wanted |= module_has(module, (uintptr_t)tls_modules[i]);
    for (size_t i = 0; wanted && i < module->dlpi_phnum; i++) {
        if (module->dlpi_phdr[i].p_type == PT_TLS) add_block(module, &module->dlpi_phdr[i]);
    }
    return 0;
}

static void look_at_fiber(void *arg, uint32_t number) {
    (void)number;
    dl_iterate_phdr(look_at_module, arg);
}

/* ---- schedules ------------------------------------------------------------------------------- */

/* Returns the range of an address, or ranges_n. */
static size_t range_of(uintptr_t address) {
    size_t low = 0, high = ranges_n;
    if (recent < ranges_n && address >= ranges[recent].begin && address < ranges[recent].end) return recent;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (address >= ranges[middle].end) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == ranges_n || address < ranges[low].begin) return ranges_n;
    return recent = low;
}

void mk_reset_touched(uintptr_t address, size_t bytes) {
    if (address >= highest || address + bytes <= lowest) return;
    size_t at = range_of(address);
    if (at == ranges_n) return;
    struct range *range = &ranges[at];
    uintptr_t end = address + bytes < range->end ? address + bytes : range->end;
    size_t last = (end - 1 - range->begin) / PIECE_BYTES;
    for (size_t i = (address - range->begin) / PIECE_BYTES; i <= last; i++) {
        if (range->written[i]) continue;
        range->written[i] = true;
        pieces[pieces_n++] = (struct piece){(uint32_t)at, (uint32_t)i};
    }
}

static void set_back(struct range *range, size_t number) {
    size_t bytes = range->end - range->begin, from = number * PIECE_BYTES;
    size_t n = bytes - from < PIECE_BYTES ? bytes - from : PIECE_BYTES;
    size_t kept = from >= range->image_bytes ? 0 : range->image_bytes - from;
    if (kept > n) kept = n;
    unsigned char *to = (unsigned char *)range->begin + from;
    if (kept) memcpy(to, range->image + from, kept);
    memset(to + kept, 0, n - kept);
    range->written[number] = false;
}

static void set_back_all(void) {
    while (pieces_n) {
        const struct piece *piece = &pieces[--pieces_n];
        set_back(&ranges[piece->range], piece->number);
    }
}

void mk_reset_begin(void) {
    set_back_all();
    if (!tls_modules_n) return;
    mk_fiber_each(look_at_fiber, NULL);
    tls_modules_n = 0;
}
