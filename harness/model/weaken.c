/* weaken.c - see weaken.h. */
#include "weaken.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "../record.h"

#define MARK "/weaken="

static const char *const orders[] = {[memory_order_relaxed] = "relaxed", [memory_order_consume] = "consume",
                                     [memory_order_acquire] = "acquire", [memory_order_release] = "release",
                                     [memory_order_acq_rel] = "acq_rel", [memory_order_seq_cst] = "seq_cst"};
#define ORDERS (sizeof orders / sizeof *orders)

const char *mk_order_name(int order) {
    return order >= 0 && order < (int)ORDERS ? orders[order] : "unknown";
}

int mk_order_of(const char *name) {
    for (size_t i = 0; i < ORDERS; i++) {
        if (strcmp(orders[i], name) == 0) return (int)i;
    }
    return -1;
}

static const struct {
    unsigned act;
    bool failure;
    const char *name;
} acts[] = {{MK_ACT_LOAD, false, "load"},
            {MK_ACT_STORE, false, "store"},
            {MK_ACT_RMW, false, "rmw"},
            {MK_ACT_FENCE, false, "fence"},
            {MK_ACT_RMW, true, "failure"}};

const char *mk_act_name(unsigned act, bool failure) {
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (acts[i].act == act && acts[i].failure == failure) return acts[i].name;
    }
    return "unknown";
}

int mk_weaker(unsigned act, bool failure, int order, unsigned n) {
    static const int of_acq_rel[] = {memory_order_release, memory_order_acquire};
    bool loads = act == MK_ACT_LOAD || failure, stores = act == MK_ACT_STORE;
    if (order == memory_order_acq_rel) return n < 2 ? of_acq_rel[n] : -1;
    if (n > 0) return -1;
    if (order == memory_order_seq_cst) {
        return loads ? memory_order_acquire : stores ? memory_order_release : memory_order_acq_rel;
    }
    return order == memory_order_relaxed ? -1 : memory_order_relaxed;
}

/* ---- in force ------------------------------------------------------------------------------------ */

static struct mk_weakening now; /* file NULL: none */

static bool applies(const struct mk_site *site, const struct mk_symbol *symbol) {
    const struct mk_symbol *frame = mk_census_frame(symbol);
    return frame && frame->line >= now.first && frame->line <= now.last &&
           mk_census_same_file(frame->file, now.file) && site->act == now.act;
}

static bool may_apply(const struct mk_site *site) {
    return site->act == now.act && (now.failure ? site->failure : site->order) == now.from;
}

static void weaken(struct mk_site *site) {
    if (now.failure) site->weakened_failure = now.to;
    else site->weakened = now.to;
}

/* A site that is new while a weakening is in force. */
static void look_at(struct mk_site *site) {
    const struct mk_symbol *symbol = NULL;
    if (!may_apply(site)) return;
    mk_symbols(&site->pc, 1, &symbol);
    if (applies(site, symbol)) weaken(site);
}

static void look_at_all(void) {
    size_t n = mk_site_count();
    uintptr_t *pc = mk_need(n + 1, sizeof *pc);
    const struct mk_symbol **symbols = mk_need(n + 1, sizeof *symbols);
    for (size_t i = 0; i < n; i++) pc[i] = mk_site_nth(i)->pc;
    if (n) mk_symbols(pc, n, symbols);
    for (size_t i = 0; i < n; i++) {
        if (may_apply(mk_site_nth(i)) && applies(mk_site_nth(i), symbols[i])) weaken(mk_site_nth(i));
    }
    free(pc);
    free(symbols);
}

void mk_weaken(const struct mk_weakening *rule) {
    for (size_t i = 0; i < mk_site_count(); i++) {
        struct mk_site *site = mk_site_nth(i);
        site->weakened = site->order;
        site->weakened_failure = site->failure;
    }
    char *file = rule ? mk_need_text(rule->file) : NULL; /* rule may be what is in force */
    struct mk_weakening next = rule ? *rule : (struct mk_weakening){0};
    free(now.file);
    now = next;
    now.file = file;
    mk_site_made = rule ? look_at : NULL;
    if (rule) look_at_all();
}

/* ---- as text -------------------------------------------------------------------------------------- */

char *mk_weaken_name(const char *plain, const struct mk_weakening *rule) {
    return mk_need_format("%s" MARK "%s@%u,%s,%s-%s", plain, rule->file, rule->first,
                          mk_act_name(rule->act, rule->failure), mk_order_name(rule->from),
                          mk_order_name(rule->to));
}

/* All lines of the access that the rule's line is one of, as far as its file can be read. */
static void widen(struct mk_weakening *rule) {
    struct mk_notes notes;
    struct mk_err ignored;
    if (mk_notes_read(rule->file, &notes, &ignored)) return;
    const struct mk_note *note = mk_notes_at(&notes, rule->first, rule->act, rule->failure ? -1 : rule->from);
    for (size_t i = 0; note && i < note->spans_n; i++) {
        if (note->spans[i].first < rule->first) rule->first = note->spans[i].first;
        if (note->spans[i].last > rule->last) rule->last = note->spans[i].last;
    }
    mk_notes_free(&notes);
}

static bool read_act(const char *name, struct mk_weakening *rule) {
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(acts[i].name, name) != 0) continue;
        rule->act = (uint8_t)acts[i].act;
        rule->failure = acts[i].failure;
        return true;
    }
    return false;
}

/* "FILE@LINE,KIND,FROM-TO" */
static bool read_rule(const char *text, struct mk_weakening *rule) {
    char act[16], from[16], to[16];
    int end = 0;
    const char *at = strchr(text, '@');
    if (!at || at == text) return false;
    if (sscanf(at, "@%u,%15[a-z],%15[a-z_]-%15[a-z_]%n", &rule->first, act, from, to, &end) != 4 || at[end])
        return false;
    int order = mk_order_of(from), weaker = mk_order_of(to);
    if (order < 0 || weaker < 0 || !read_act(act, rule)) return false;
    rule->from = (uint8_t)order;
    rule->to = (uint8_t)weaker;
    rule->last = rule->first;
    rule->file = mk_need_format("%.*s", (int)(at - text), text);
    return true;
}

int mk_weaken_named(const char *name, char **plain, struct mk_err *err) {
    const char *mark = strstr(name, MARK);
    struct mk_weakening rule = {0};
    if (!mark) {
        mk_weaken(NULL);
        *plain = mk_need_text(name);
        return 0;
    }
    if (!read_rule(mark + sizeof MARK - 1, &rule)) {
        return mk_fail(err, "\"%.150s\" is no weakening; one is FILE@LINE,KIND,ORDER-ORDER", mark + 1);
    }
    widen(&rule);
    mk_weaken(&rule);
    free(rule.file);
    *plain = mk_need_format("%.*s", (int)(mark - name), name);
    return 0;
}
