/* parts.c - states of parts, by part: a table with open addressing. */
#include "parts.h"

#include <stdlib.h>

#include "../record.h"

struct mk_parts {
    size_t state_bytes, n, mask;
    size_t *slot;         /* index of a part + 1, or 0 */
    uint64_t *part;       /* in the order they were first asked for */
    unsigned char *state; /* state_bytes each */
    bool *lost;
};

struct mk_parts *mk_parts_open(const struct mk_model *model) {
    struct mk_parts *parts = mk_need(1, sizeof *parts);
    parts->state_bytes = model->state_bytes;
    parts->mask = 63;
    parts->slot = mk_need(parts->mask + 1, sizeof *parts->slot);
    parts->part = mk_need((parts->mask + 1) / 2, sizeof *parts->part);
    parts->state = mk_need((parts->mask + 1) / 2, parts->state_bytes);
    parts->lost = mk_need((parts->mask + 1) / 2, sizeof *parts->lost);
    return parts;
}

void mk_parts_close(struct mk_parts *parts) {
    free(parts->slot);
    free(parts->part);
    free(parts->state);
    free(parts->lost);
    free(parts);
}

/* Returns where the part is, or is to be. */
static size_t *find(const struct mk_parts *parts, uint64_t part) {
    size_t at = mk_mix64(part) & parts->mask;
    while (parts->slot[at] && parts->part[parts->slot[at] - 1] != part) at = (at + 1) & parts->mask;
    return &parts->slot[at];
}

static void grow(struct mk_parts *parts) {
    size_t room = parts->mask + 1; /* of parts; twice as many slots */
    parts->part = mk_need_more(parts->part, room, sizeof *parts->part);
    parts->state = mk_need_more(parts->state, room, parts->state_bytes);
    parts->lost = mk_need_more(parts->lost, room, sizeof *parts->lost);
    free(parts->slot);
    parts->mask = 2 * room - 1;
    parts->slot = mk_need(2 * room, sizeof *parts->slot);
    for (size_t i = 0; i < parts->n; i++) *find(parts, parts->part[i]) = i + 1;
}

size_t mk_parts_index(struct mk_parts *parts, uint64_t part) {
    size_t *slot = find(parts, part);
    if (*slot) return *slot - 1;
    if (parts->n == (parts->mask + 1) / 2) {
        grow(parts);
        slot = find(parts, part);
    }
    parts->part[parts->n] = part;
    memset(mk_parts_at(parts, parts->n), 0, parts->state_bytes);
    parts->lost[parts->n] = false;
    *slot = ++parts->n;
    return parts->n - 1;
}

size_t mk_parts_count(const struct mk_parts *parts) {
    return parts->n;
}

uint64_t mk_parts_part(const struct mk_parts *parts, size_t index) {
    return parts->part[index];
}

void *mk_parts_at(struct mk_parts *parts, size_t index) {
    return parts->state + index * parts->state_bytes;
}

bool *mk_parts_lost(struct mk_parts *parts, size_t index) {
    return &parts->lost[index];
}

void *mk_parts_state(struct mk_parts *parts, uint64_t part) {
    return mk_parts_at(parts, mk_parts_index(parts, part));
}

void mk_parts_each(struct mk_parts *parts, void (*visit)(void *arg, uint64_t part, const void *state), void *arg) {
    for (size_t i = 0; i < parts->n; i++) {
        if (!parts->lost[i]) visit(arg, parts->part[i], mk_parts_at(parts, i));
    }
}
