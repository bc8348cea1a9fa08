/* alloctrace_table.c - live objects of a trace: a hash table with linear probing, in which nothing is left
 * behind by what is taken out. */
#include <stdlib.h>
#include <string.h>

#include "alloctrace.h"
#include "record.h"

static size_t home_of(const struct mk_alloctrace_table *table, uint64_t key) {
    return (size_t)mk_mix64(key) & (table->slots - 1);
}

struct mk_alloctrace_object *mk_alloctrace_find(const struct mk_alloctrace_table *table, uint64_t key) {
    if (!table->slots) return NULL;
    for (size_t i = home_of(table, key); table->at[i].state; i = (i + 1) & (table->slots - 1)) {
        if (table->at[i].key == key) return &table->at[i];
    }
    return NULL;
}

static struct mk_alloctrace_object *place(struct mk_alloctrace_table *table, uint64_t key) {
    size_t i = home_of(table, key);
    while (table->at[i].state) i = (i + 1) & (table->slots - 1);
    return &table->at[i];
}

struct mk_alloctrace_object *mk_alloctrace_insert(struct mk_alloctrace_table *table, uint64_t key) {
    if (2 * table->n >= table->slots) {
        struct mk_alloctrace_table old = *table;
        table->slots = old.slots ? 2 * old.slots : 1024;
        table->at = mk_need(table->slots, sizeof *table->at);
        for (size_t i = 0; i < old.slots; i++) {
            if (old.at[i].state) *place(table, old.at[i].key) = old.at[i];
        }
        free(old.at);
    }
    struct mk_alloctrace_object *made = place(table, key);
    *made = (struct mk_alloctrace_object){.key = key, .state = 1};
    table->n++;
    return made;
}

/* What follows moves up to where it would be found. */
void mk_alloctrace_remove(struct mk_alloctrace_table *table, struct mk_alloctrace_object *object) {
    size_t mask = table->slots - 1, hole = (size_t)(object - table->at);
    for (size_t i = (hole + 1) & mask; table->at[i].state; i = (i + 1) & mask) {
        size_t home = home_of(table, table->at[i].key);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        table->at[hole] = table->at[i];
        hole = i;
    }
    table->at[hole].state = 0;
    table->n--;
}

void mk_alloctrace_table_free(struct mk_alloctrace_table *table) {
    free(table->at);
    memset(table, 0, sizeof *table);
}
