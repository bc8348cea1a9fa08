/* token.c - a schedule as a line of text, and back.
 *
 *   mk1:1a2b3c4d5e6f:map/NAME/schedules/1f:cqd:1t15=3.2r4=1:7a0c
 *
 * SETTING: the memory model (c C11, t TSO, s SC), the heap policy (q quarantine, l last in first out, r random),
 * then d: data races are failures; f: a thread may be stopped for ever; nN: one in N requests for memory may be
 * refused.
 */
#include "build_id.h"
#include "explore_parts.h"
#include "../record.h"
#include "../text.h"
#include "../../impl/mk.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "mk1"
#define PARTS 6u
#define CHECK_DIGITS 4u

static const char memories[] = {[MK_MEMORY_C11] = 'c', [MK_MEMORY_TSO] = 't', [MK_MEMORY_SC] = 's'};
static const char heaps[] = {[MK_HEAP_QUARANTINE] = 'q', [MK_HEAP_LIFO] = 'l', [MK_HEAP_RANDOM] = 'r'};
static const char kinds[] = {MK_CHOICE_THREAD, MK_CHOICE_AGE,  MK_CHOICE_SPURIOUS, MK_CHOICE_BLOCK,
                             MK_CHOICE_REFUSE, MK_CHOICE_WAKE, MK_CHOICE_FREEZE};

const char *mk_token_build(void) {
    static char id[MK_BUILD_ID_ROOM];
    return mk_build_id(id);
}

uint32_t mk_token_check(const char *text, size_t length) {
    uint64_t hash = length;
    for (size_t i = 0; i < length; i++) hash = mk_mix64(hash ^ (unsigned char)text[i]);
    return (uint32_t)(hash >> (64 - 4 * CHECK_DIGITS));
}

/* ---- to text ---------------------------------------------------------------------------------- */

static void add_setting(struct mk_text *text, const struct mk_setting *setting) {
    mk_text_putc(text, memories[setting->memory]);
    mk_text_putc(text, heaps[setting->heap]);
    if (setting->races) mk_text_putc(text, 'd');
    if (setting->freezes) mk_text_putc(text, 'f');
    if (setting->refuse_one_in) mk_text_printf(text, "n%u", setting->refuse_one_in);
}

char *mk_token_format(const char *program, const struct mk_setting *setting, const struct mk_decisions *decisions) {
    struct mk_text text = {0};
    mk_text_printf(&text, PREFIX ":%s:", mk_token_build());
    size_t checked = text.n;
    mk_text_printf(&text, "%s:", program);
    add_setting(&text, setting);
    mk_text_putc(&text, ':');
    for (size_t i = 0; i < decisions->n; i++) {
        const struct mk_decision *decision = &decisions->at[i];
        mk_text_printf(&text, "%s%u%c%u=%u", i ? "." : "", decision->thread, decision->kind, decision->step,
                       decision->value);
    }
    mk_text_printf(&text, ":%04x", mk_token_check(text.at + checked, text.n - checked));
    return mk_text_take(&text);
}

/* ---- from text -------------------------------------------------------------------------------- */

struct part {
    const char *at;
    size_t n;
};

struct reader {
    const char *token, *at, *end; /* of the part that is read */
    char *why;
    size_t room;
};

static int refuse(struct reader *reader, const char *what) {
    snprintf(reader->why, reader->room, "this is no token: %s at character %zu", what,
             (size_t)(reader->at - reader->token) + 1);
    return -1;
}

/* Returns whether a decimal number of at most `most` was read. */
static bool read_number(struct reader *reader, uint64_t most, uint32_t *number) {
    uint64_t value = 0;
    const char *start = reader->at;
    while (reader->at < reader->end && isdigit((unsigned char)*reader->at) && value <= most) {
        value = value * 10 + (uint64_t)(*reader->at++ - '0');
    }
    *number = (uint32_t)value;
    return reader->at > start && value <= most;
}

static bool read_char(struct reader *reader, char c) {
    bool is_it = reader->at < reader->end && *reader->at == c;
    reader->at += is_it;
    return is_it;
}

/* Returns which of the letters comes next, or -1. */
static int read_letter(struct reader *reader, const char *letters, size_t n) {
    const char *found = reader->at < reader->end ? memchr(letters, *reader->at, n) : NULL;
    if (!found) return -1;
    reader->at++;
    return (int)(found - letters);
}

static int read_setting(struct reader *reader, struct mk_setting *setting) {
    int memory = read_letter(reader, memories, sizeof memories);
    if (memory < 0) return refuse(reader, "there is no such memory model (c, t or s)");
    int heap = read_letter(reader, heaps, sizeof heaps);
    if (heap < 0) return refuse(reader, "there is no such heap policy (q, l or r)");
    *setting = (struct mk_setting){.memory = (enum mk_memory_model)memory, .heap = (enum mk_heap_policy)heap};
    setting->races = read_char(reader, 'd');
    setting->freezes = read_char(reader, 'f');
    if (read_char(reader, 'n')) {
        bool read = read_number(reader, UINT32_MAX, &setting->refuse_one_in) && setting->refuse_one_in;
        if (!read) return refuse(reader, "a number from 1 on is missing");
    }
    return reader->at == reader->end ? 0 : refuse(reader, "there is no such setting (d, f or n and a number)");
}

static int read_decision(struct reader *reader, struct mk_decision *decision) {
    uint32_t number;
    if (!read_number(reader, MK_RT_THREADS - 1, &number)) {
        return refuse(reader, "the number of a thread is missing");
    }
    decision->thread = (uint8_t)number;
    int kind = read_letter(reader, kinds, sizeof kinds);
    if (kind < 0) return refuse(reader, "there is no such kind of decision");
    decision->kind = (uint8_t)kinds[kind];
    if (!read_number(reader, UINT32_MAX, &decision->step)) return refuse(reader, "the number of a step is missing");
    if (!read_char(reader, '=')) return refuse(reader, "a '=' is missing");
    uint64_t most = decision->kind == MK_CHOICE_THREAD ? MK_RT_THREADS - 1 : UINT16_MAX;
    if (!read_number(reader, most, &number)) return refuse(reader, "what is chosen is missing or too large");
    decision->value = (uint16_t)number;
    return 0;
}

static int read_decisions(struct reader *reader, struct mk_decisions *decisions) {
    size_t most = 1;
    for (const char *at = reader->at; at < reader->end; at++) most += *at == '.';
    decisions->at = mk_need(most, sizeof *decisions->at);
    while (reader->at < reader->end) {
        if (decisions->n && !read_char(reader, '.')) return refuse(reader, "a '.' is missing");
        if (read_decision(reader, &decisions->at[decisions->n++])) return -1;
    }
    mk_decisions_sort(decisions);
    for (size_t i = 1; i < decisions->n; i++) {
        const struct mk_decision *a = &decisions->at[i - 1], *b = &decisions->at[i];
        if (a->thread != b->thread || a->step != b->step || a->kind != b->kind) continue;
        snprintf(reader->why, reader->room, "this is no token: it decides %u%c%u twice", a->thread, a->kind,
                 a->step);
        return -1;
    }
    return 0;
}

/* Returns how many parts there are between colons; more than PARTS where there are too many. */
static size_t split(const char *token, struct part *part) {
    size_t n = 0;
    for (const char *at = token;; at++) {
        size_t length = strcspn(at, ":");
        if (n < PARTS) part[n] = (struct part){at, length};
        n++;
        at += length;
        if (!*at || n > PARTS) return n;
    }
}

static bool is_build(const struct part *part) {
    size_t hex = strspn(part->at, "0123456789abcdef");
    if (hex == 12 && part->at[12] == '+') hex += 1 + strspn(part->at + 13, "0123456789abcdef");
    return hex == part->n && (part->n == 12 || part->n == 25);
}

static int check_build(const struct part *part, char *why, size_t room) {
    const char *own = mk_token_build();
    if (strlen(own) == part->n && !memcmp(own, part->at, part->n)) return 0;
    snprintf(why, room,
             "the token is of build %.*s, and this is build %s: build the commit it comes from in the same way%s, "
             "or hunt again with this one",
             (int)part->n, part->at, own, memchr(part->at, '+', part->n) ? " and load the same plug-ins" : "");
    return -1;
}

/* Returns whether the last part is the check of the three before it. */
static bool is_checked(const struct part *part) {
    char want[CHECK_DIGITS + 1];
    size_t length = (size_t)(part[4].at + part[4].n - part[2].at);
    snprintf(want, sizeof want, "%04x", mk_token_check(part[2].at, length));
    return part[5].n == CHECK_DIGITS && !memcmp(part[5].at, want, CHECK_DIGITS);
}

static int check_form(const char *token, struct part *part, char *why, size_t room) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+@/()[]=,-";
    size_t n = split(token, part);
    const char *what = NULL;
    if (part[0].n != strlen(PREFIX) || memcmp(part[0].at, PREFIX, part[0].n)) {
        what = "it does not begin with " PREFIX ":";
    } else if (n != PARTS) {
        what = "it has not six parts between colons; was it cut off?";
    } else if (!is_build(&part[1])) {
        what = "its second part is no build id";
    } else if (!part[2].n || strspn(part[2].at, allowed) != part[2].n) {
        what = "its third part names no program";
    } else if (!is_checked(part)) {
        what = "its last part does not fit the others; was it cut off or changed?";
    }
    if (what) snprintf(why, room, "this is no token: %s", what);
    return what ? -1 : 0;
}

int mk_token_parse(const char *token, char **program, struct mk_setting *setting, struct mk_decisions *decisions,
                   char *why, size_t room) {
    struct part part[PARTS] = {{0}};
    *program = NULL;
    *decisions = (struct mk_decisions){0};
    if (check_form(token, part, why, room) || check_build(&part[1], why, room)) return -1;
    struct reader reader = {token, part[3].at, part[3].at + part[3].n, why, room};
    if (read_setting(&reader, setting)) return -1;
    reader.at = part[4].at;
    reader.end = part[4].at + part[4].n;
    if (read_decisions(&reader, decisions)) {
        free(decisions->at);
        *decisions = (struct mk_decisions){0};
        return -1;
    }
    *program = mk_need_format("%.*s", (int)part[2].n, part[2].at);
    return 0;
}
