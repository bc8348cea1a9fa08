/* census.c - see census.h. */
#include "census.h"

#include <stdlib.h>

#include "../record.h"

bool mk_census_same_file(const char *a, const char *b) {
    while (strncmp(a, "./", 2) == 0) a += 2;
    while (strncmp(b, "./", 2) == 0) b += 2;
    size_t n = strlen(a), m = strlen(b);
    if (n < m) return mk_census_same_file(b, a);
    if (strcmp(a + (n - m), b) != 0) return false;
    return n == m || a[n - m - 1] == '/';
}

const struct mk_symbol *mk_census_frame(const struct mk_symbol *symbol) {
    for (; symbol; symbol = symbol->caller) {
        size_t n = symbol->file ? strlen(symbol->file) : 0;
        if (n > 2 && strcmp(symbol->file + n - 2, ".h") != 0) return symbol;
    }
    return NULL;
}

void mk_census_open(struct mk_census *census, const struct mk_notes *notes, size_t notes_n) {
    memset(census, 0, sizeof *census);
    census->notes = notes;
    census->notes_n = notes_n;
}

void mk_census_free(struct mk_census *census) {
    free(census->at);
    free(census->sites);
    memset(census, 0, sizeof *census);
}

static bool is_atomic(const struct mk_site *site) {
    return site->act == MK_ACT_LOAD || site->act == MK_ACT_STORE || site->act == MK_ACT_RMW ||
           site->act == MK_ACT_FENCE;
}

/* Returns which access a site is, made when it is new; SIZE_MAX: it is in none of the files. */
static size_t access_of(struct mk_census *census, const struct mk_site *site, const struct mk_symbol *symbol) {
    const struct mk_symbol *frame = is_atomic(site) ? mk_census_frame(symbol) : NULL;
    const struct mk_notes *notes = NULL;
    for (size_t i = 0; frame && i < census->notes_n && !notes; i++) {
        if (mk_census_same_file(census->notes[i].file, frame->file)) notes = &census->notes[i];
    }
    if (!notes) return SIZE_MAX;
    const struct mk_note *note = mk_notes_at(notes, frame->line, site->act, site->order);
    for (size_t i = 0; i < census->n; i++) {
        const struct mk_access *at = &census->at[i];
        bool same = note ? at->note == note : !at->note && at->line == frame->line;
        if (same && at->notes == notes && at->act == site->act && at->order == site->order &&
            at->failure == site->failure) {
            return i;
        }
    }
    struct mk_access *made = mk_grow(&census->at, &census->n, sizeof *made);
    *made = (struct mk_access){.notes = notes, .note = note, .line = note ? note->spans[0].first : frame->line,
                               .act = site->act, .order = site->order, .failure = site->failure};
    return census->n - 1;
}

/* Takes in the sites that are new. Looked up at once, which is much faster than one by one. */
static void meet(struct mk_census *census) {
    size_t n = mk_site_count(), first = census->sites_n;
    if (first == n) return;
    uintptr_t *pc = mk_need(n - first, sizeof *pc);
    const struct mk_symbol **symbols = mk_need(n - first, sizeof *symbols);
    for (size_t i = first; i < n; i++) pc[i - first] = mk_site_nth(i)->pc;
    mk_symbols(pc, n - first, symbols);
    census->sites = mk_need_more(census->sites, n, sizeof *census->sites);
    for (; census->sites_n < n; census->sites_n++) {
        struct mk_census_site *made = &census->sites[census->sites_n];
        made->seen = 0;
        made->access = access_of(census, mk_site_nth(census->sites_n), symbols[census->sites_n - first]);
        if (made->access != SIZE_MAX) census->at[made->access].sites++;
    }
    free(pc);
    free(symbols);
}

void mk_census_count(struct mk_census *census, uint8_t **reached) {
    meet(census);
    if (reached) *reached = mk_need(census->n + 1, 1);
    for (size_t i = 0; i < census->sites_n; i++) {
        struct mk_census_site *at = &census->sites[i];
        uint64_t hits = mk_site_nth(i)->hits, more = hits >= at->seen ? hits - at->seen : hits;
        at->seen = hits;
        if (at->access == SIZE_MAX || !more) continue;
        census->at[at->access].hits += more;
        if (reached) (*reached)[at->access] = 1;
    }
}
