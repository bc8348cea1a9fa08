/* optrace_write.c - puts traces together in memory, and keeps a table of their keys. */
#include "optrace.h"

#include <stdlib.h>

#include "record.h"

/* ---- writing ------------------------------------------------------------------------------- */

struct mk_optrace_block {
    unsigned char *at; /* NULL: nothing of this thread yet */
    uint32_t used, records, operations;
    uint64_t first_ns, last_ns;
};

void mk_optrace_begin(struct mk_optrace_writer *writer, const char *program, const char *date, const char *clock,
                      const char *machine) {
    unsigned char head[MK_RECORD_HEAD_BYTES + MK_RECORD_TEXT_MAX];
    memset(writer, 0, sizeof *writer);
    writer->block = mk_need(MK_RECORD_THREADS_MAX, sizeof *writer->block);
    mk_text_add(&writer->out, (const char *)head, mk_record_seal_head(head, program, date, clock, machine));
}

static void flush(struct mk_optrace_writer *writer, uint32_t thread) {
    struct mk_optrace_block *block = &writer->block[thread];
    if (!block->records) return;
    mk_record_seal(block->at, thread, block->records, block->operations, block->used - MK_RECORD_BLOCK_BYTES,
                   block->first_ns);
    mk_text_add(&writer->out, (const char *)block->at, block->used);
    block->records = block->operations = 0;
    block->used = MK_RECORD_BLOCK_BYTES;
    writer->blocks++;
}

/* One record, starts and ends of threads included. */
static void put(struct mk_optrace_writer *writer, const struct mk_optrace_record *record) {
    struct mk_optrace_block *block = &writer->block[record->thread];
    if (block->used + MK_RECORD_RECORD_MAX > MK_RECORD_BLOCK_BYTES + MK_RECORD_PAYLOAD_MAX)
        flush(writer, record->thread);
    if (!block->records++) block->first_ns = block->last_ns = record->time_ns;
    unsigned char *at = block->at + block->used;
    *at++ = (unsigned char)(record->code | (record->size ? MK_RECORD_HAS_SIZE : 0) |
                            (record->key ? MK_RECORD_HAS_KEY : 0));
    if (record->key) at = mk_record_put_number(at, record->key);
    if (record->size) at = mk_record_put_number(at, record->size);
    at = mk_record_put_number(at, record->time_ns - block->last_ns);
    block->used = (uint32_t)(at - block->at);
    block->last_ns = record->time_ns;
    if (record->code < MK_OPTRACE_FIRST_OP) return;
    block->operations++;
    writer->operations++;
}

void mk_optrace_add(struct mk_optrace_writer *writer, const struct mk_optrace_record *record) {
    struct mk_optrace_block *block = &writer->block[record->thread];
    if (!block->at) {
        struct mk_optrace_record start = {record->thread, MK_RECORD_THREAD_START, 0, 0, record->time_ns};
        block->at = mk_need(MK_RECORD_BLOCK_BYTES + MK_RECORD_PAYLOAD_MAX, 1);
        block->used = MK_RECORD_BLOCK_BYTES;
        if (record->thread >= writer->threads) writer->threads = record->thread + 1;
        put(writer, &start);
    }
    put(writer, record);
}

void mk_optrace_end(struct mk_optrace_writer *writer, uint64_t dropped) {
    unsigned char closing[MK_RECORD_CLOSING_BYTES];
    for (uint32_t t = 0; t < writer->threads; t++) {
        struct mk_optrace_record exit = {t, MK_RECORD_THREAD_EXIT, 0, 0, writer->block[t].last_ns};
        if (!writer->block[t].at) continue;
        put(writer, &exit);
        flush(writer, t);
    }
    mk_record_seal_closing(closing, writer->threads, writer->operations, dropped, writer->blocks);
    mk_text_add(&writer->out, (const char *)closing, sizeof closing);
}

void mk_optrace_writer_free(struct mk_optrace_writer *writer) {
    for (uint32_t t = 0; t < writer->threads; t++) free(writer->block[t].at);
    free(writer->block);
    mk_text_free(&writer->out);
    memset(writer, 0, sizeof *writer);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static uint32_t *find_slot(const struct mk_optrace_keys *keys, uint64_t key) {
    size_t at = (size_t)mk_mix64(key) & (keys->slots - 1);
    while (keys->slot[at] && keys->at[keys->slot[at] - 1].key != key) at = (at + 1) & (keys->slots - 1);
    return &keys->slot[at];
}

static void grow(struct mk_optrace_keys *keys) {
    free(keys->slot);
    keys->slots = keys->slots ? 2 * keys->slots : 1024;
    keys->slot = mk_need(keys->slots, sizeof *keys->slot);
    for (size_t i = 0; i < keys->n; i++) *find_slot(keys, keys->at[i].key) = (uint32_t)i + 1;
}

uint32_t mk_optrace_keys_add(struct mk_optrace_keys *keys, const struct mk_optrace_record *record) {
    if (2 * keys->n >= keys->slots) grow(keys);
    uint32_t *slot = find_slot(keys, record->key);
    if (!*slot) {
        struct mk_optrace_key *made = mk_grow(&keys->at, &keys->n, sizeof *made);
        *made = (struct mk_optrace_key){record->key, 0, UINT64_MAX, record->code};
        *slot = (uint32_t)keys->n;
    }
    struct mk_optrace_key *key = &keys->at[*slot - 1];
    key->count++;
    if (record->time_ns < key->first_ns) {
        key->first_ns = record->time_ns;
        key->first_code = record->code;
    }
    return *slot - 1;
}

void mk_optrace_keys_free(struct mk_optrace_keys *keys) {
    free(keys->at);
    free(keys->slot);
    memset(keys, 0, sizeof *keys);
}
