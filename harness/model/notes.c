/* notes.c - see notes.h. A file is split into comments and code with everything else blanked out, at the same
 * offsets; then accesses of the code are matched with comments as lint does it.
 */
#include "notes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../record.h"
#include "../text.h"
#include "runtime.h"
#include "weaken.h"

#define FILE_LIMIT_BYTES (16u << 20)
#define REACH 4 /* lines between a comment's end and the access it is about; as in scripts/lint_orders.py */

struct comment {
    size_t at, end; /* offsets */
    uint32_t first, last;
    size_t note, note_end; /* notes in it */
};

struct source {
    const char *text;
    size_t n;
    char *code; /* the text without comments and literals, same offsets */
    size_t *line_at;
    size_t lines;
    struct comment *comments;
    size_t comments_n;
    struct mk_notes *out;
};

/* ---- splitting ------------------------------------------------------------------------------- */

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static uint32_t line_of(const struct source *s, size_t offset) {
    size_t low = 0, high = s->lines;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->line_at[middle] <= offset) low = middle;
        else high = middle;
    }
    return (uint32_t)low + 1;
}

static void index_lines(struct source *s) {
    s->line_at = NULL;
    s->lines = 0;
    *(size_t *)mk_grow(&s->line_at, &s->lines, sizeof *s->line_at) = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->text[i] == '\n') *(size_t *)mk_grow(&s->line_at, &s->lines, sizeof *s->line_at) = i + 1;
    }
}

/* Returns where what begins at `at` ends, if it is a comment or a literal, else `at`. */
static size_t skip_blank(const struct source *s, size_t at) {
    const char *text = s->text + at;
    size_t left = s->n - at;
    if (left > 1 && text[0] == '/' && text[1] == '*') {
        const char *end = memmem(text + 2, left - 2, "*/", 2);
        return end ? (size_t)(end - s->text) + 2 : s->n;
    }
    if (left > 1 && text[0] == '/' && text[1] == '/') {
        const char *end = memchr(text, '\n', left);
        return end ? (size_t)(end - s->text) : s->n;
    }
    if (text[0] != '"' && text[0] != '\'') return at;
    for (size_t i = 1; i < left && text[i] != '\n'; i++) {
        if (text[i] == '\\') i++;
        else if (text[i] == text[0]) return at + i + 1;
    }
    return at;
}

static void split(struct source *s) {
    s->code = mk_need(s->n + 1, 1);
    memcpy(s->code, s->text, s->n);
    for (size_t at = 0; at < s->n;) {
        size_t end = skip_blank(s, at);
        if (end == at) {
            at++;
            continue;
        }
        if (s->text[at] == '/') {
            struct comment *made = mk_grow(&s->comments, &s->comments_n, sizeof *made);
            made->at = at;
            made->end = end;
            made->first = line_of(s, at);
            made->last = line_of(s, end - 1);
        }
        for (; at < end; at++) {
            if (s->code[at] != '\n') s->code[at] = ' ';
        }
    }
}

/* ---- lines of comments ----------------------------------------------------------------------- */

/* A line of a comment without what marks it as one. */
struct line {
    const char *at;
    size_t n;
};

static struct line next_line(const struct source *s, const struct comment *comment, size_t *offset) {
    size_t begin = *offset, end = begin;
    while (end < comment->end && s->text[end] != '\n') end++;
    *offset = end + 1;
    while (begin < end && isspace((unsigned char)s->text[begin])) begin++;
    if (begin == comment->at) {
        begin += 2;
        while (begin < end && s->text[begin] == '*') begin++;
    } else if (begin < end && s->text[begin] == '*') {
        begin++;
    }
    if (end == comment->end && end - begin >= 2 && memcmp(s->text + end - 2, "*/", 2) == 0) end -= 2;
    while (begin < end && isspace((unsigned char)s->text[begin])) begin++;
    while (end > begin && isspace((unsigned char)s->text[end - 1])) end--;
    if (end == begin + 1 && s->text[begin] == '/') end = begin; /* of the end of a comment, on a line of its own */
    return (struct line){s->text + begin, end - begin};
}

/* Takes "(12)" off a line. Returns the number, 0 where there is none. */
static uint32_t take_number(struct line *line) {
    uint32_t number = 0;
    size_t i = 1;
    if (line->n < 3 || line->at[0] != '(') return 0;
    while (i < line->n && isdigit((unsigned char)line->at[i]))
        number = number * 10 + (uint32_t)(line->at[i++] - '0');
    if (i == 1 || i >= line->n || line->at[i] != ')') return 0;
    i++;
    if (i < line->n && !isspace((unsigned char)line->at[i])) return 0;
    while (i < line->n && isspace((unsigned char)line->at[i])) i++;
    *line = (struct line){line->at + i, line->n - i};
    return number;
}

/* Takes a word off a line if it stands there, - and _ being the same; behind it a word may not go on. */
static bool take_word(struct line *line, const char *word) {
    size_t n = strlen(word);
    if (line->n < n) return false;
    for (size_t i = 0; i < n; i++) {
        char c = line->at[i] == '-' || line->at[i] == ' ' ? '_' : line->at[i];
        if (c != word[i]) return false;
    }
    if (line->n > n && is_word(line->at[n])) return false;
    *line = (struct line){line->at + n, line->n - n};
    return true;
}

static const char *take_order(struct line *line) {
    static const char *const orders[] = {"relaxed", "consume", "acquire",     "release",
                                         "acq_rel", "seq_cst", "light_fence", "heavy_fence"};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (take_word(line, orders[i])) return orders[i];
    }
    return NULL;
}

/* "-CAS" behind an order. */
static char *take_access(struct line *line) {
    size_t n = 1;
    if (line->n < 2 || line->at[0] != '-') return mk_need_text("");
    while (n < line->n && (isalpha((unsigned char)line->at[n]) || line->at[n] == '_')) n++;
    char *access = mk_need_format("%.*s", (int)n - 1, line->at + 1);
    *line = (struct line){line->at + n, line->n - n};
    return access;
}

/* Appends a line to a text of one line. */
static void join(char **text, struct line line) {
    while (line.n && (isspace((unsigned char)*line.at) || (!*text && (*line.at == ':' || *line.at == ',')))) {
        line.at++;
        line.n--;
    }
    if (!line.n) return;
    char *longer = mk_need_format("%s%s%.*s", *text ? *text : "", *text && **text ? " " : "", (int)line.n, line.at);
    free(*text);
    *text = longer;
}

static void read_notes(struct source *s, struct comment *comment) {
    struct mk_note *note = NULL;
    comment->note = s->out->notes_n;
    for (size_t offset = comment->at; offset < comment->end;) {
        uint32_t at = line_of(s, offset);
        struct line line = next_line(s, comment, &offset);
        uint32_t number = take_number(&line);
        const char *order = number ? take_order(&line) : NULL;
        if (number && !order) continue; /* lint says so */
        if (number) {
            note = mk_grow(&s->out->notes, &s->out->notes_n, sizeof *note);
            note->number = number;
            note->line = at;
            note->order = mk_need_text(order);
            note->access = take_access(&line);
        }
        if (note) join(&note->text, line);
    }
    comment->note_end = s->out->notes_n;
    for (size_t i = comment->note; i < comment->note_end; i++) {
        if (!s->out->notes[i].text) s->out->notes[i].text = mk_need_text("");
    }
}

/* ---- reasons at the top ----------------------------------------------------------------------- */

/* Returns whether the line begins a key: "Word:" with a blank behind. */
static bool is_key(struct line line, const char *key) {
    size_t n = 0;
    while (n < line.n && (isalpha((unsigned char)line.at[n]))) n++;
    if (!n || n + 1 >= line.n || line.at[n] != ':' || line.at[n + 1] != ' ') return false;
    return !key || (strlen(key) == n && memcmp(line.at, key, n) == 0);
}

static struct mk_note_reason *add_reason(struct mk_notes *out, bool kept, uint32_t number, char *what) {
    struct mk_note_reason *made = mk_grow(&out->reasons, &out->reasons_n, sizeof *made);
    made->kept = kept;
    made->number = number;
    made->what = what;
    return made;
}

/* "(4, 6) why", "LIN put hit: why". Returns how many reasons were begun; `rest` is the why. */
static size_t begin_reasons(struct mk_notes *out, bool kept, struct line line, struct line *rest) {
    size_t begun = 0, n = 0;
    const char *close = line.n ? memchr(line.at, ')', line.n) : NULL, *colon;
    if (line.n && line.at[0] == '(' && close) {
        for (const char *at = line.at + 1; at < close; at++) {
            if (!isdigit((unsigned char)*at)) continue;
            add_reason(out, kept, (uint32_t)strtoul(at, NULL, 10), NULL);
            begun++;
            while (isdigit((unsigned char)at[1])) at++;
        }
        n = (size_t)(close - line.at) + 1;
    } else if (line.n > 4 && memcmp(line.at, "LIN ", 4) == 0 && (colon = memchr(line.at, ':', line.n)) != NULL) {
        add_reason(out, kept, 0, mk_need_format("%.*s", (int)(colon - line.at) - 4, line.at + 4));
        begun = 1;
        n = (size_t)(colon - line.at) + 1;
    }
    *rest = (struct line){line.at + n, line.n - n};
    return begun;
}

static void read_reasons(struct source *s, const struct comment *top) {
    size_t begun = 0;
    for (size_t offset = top->at; offset < top->end;) {
        struct line line = next_line(s, top, &offset);
        bool kept = is_key(line, "Kept");
        if (kept || is_key(line, "Unreached")) {
            size_t head = kept ? sizeof "Kept:" - 1 : sizeof "Unreached:" - 1;
            line = (struct line){line.at + head, line.n - head};
            while (line.n && isspace((unsigned char)*line.at)) line = (struct line){line.at + 1, line.n - 1};
            begun = begin_reasons(s->out, kept, line, &line);
        } else if (is_key(line, NULL)) {
            begun = 0;
        }
        for (size_t i = s->out->reasons_n - begun; i < s->out->reasons_n; i++) join(&s->out->reasons[i].text, line);
    }
    for (size_t i = 0; i < s->out->reasons_n; i++) {
        if (!s->out->reasons[i].text) s->out->reasons[i].text = mk_need_text("");
    }
}

/* ---- accesses of the code ---------------------------------------------------------------------- */

struct found {
    uint32_t first, last;
    const char *name; /* behind atomic_, of name_n characters: "load", "compare_exchange_weak"; or "fence" */
    size_t name_n;
    char order[16];
};

/* Returns the offset of what closes the bracket at `open`. */
static size_t closing(const struct source *s, size_t open) {
    int depth = 0;
    for (size_t i = open; i < s->n; i++) {
        char c = s->code[i];
        if (c == '(' || c == '{') depth++;
        if ((c == ')' || c == '}') && --depth == 0) return i;
    }
    return s->n ? s->n - 1 : 0;
}

static bool begins(const char *text, size_t n, const char *prefix) {
    return n >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_access(const char *name, size_t n) {
    return (n == 4 && begins(name, n, "load")) || (n == 5 && begins(name, n, "store")) ||
           (n == 8 && begins(name, n, "exchange")) || begins(name, n, "compare_exchange_") ||
           begins(name, n, "fetch_") || begins(name, n, "flag_");
}

/* Of the orders that stand between two offsets the last; for a compare-exchange, the one before it. */
static void find_order(const struct source *s, size_t from, size_t to, bool exchange, char *order, size_t room) {
    static const char prefix[] = "memory_order_";
    const char *found[2] = {NULL, NULL};
    for (const char *at = s->code + from;
         (at = memmem(at, (size_t)(s->code + to - at), prefix, sizeof prefix - 1)) != NULL;) {
        at += sizeof prefix - 1;
        found[0] = found[1];
        found[1] = at;
    }
    const char *one = exchange ? found[0] : found[1];
    size_t n = 0;
    while (one && is_word(one[n])) n++;
    snprintf(order, room, "%.*s", (int)n, one ? one : "");
}

/* Looks whether an access begins with the identifier at `at`, of n characters. */
static bool access_at(const struct source *s, size_t at, size_t n, struct found *out) {
    const char *name = s->code + at;
    size_t open = at + n;
    bool fence = (n == 14 && begins(name, n, "mk_fence_light")) || (n == 14 && begins(name, n, "mk_fence_heavy"));
    while (open < s->n && isspace((unsigned char)s->code[open])) open++;
    if (open >= s->n || s->code[open] != '(') return false;
    out->first = line_of(s, at);
    out->last = line_of(s, closing(s, open));
    if (fence) {
        snprintf(out->order, sizeof out->order, "%.5s_fence", name + 9);
        out->name = "fence";
        out->name_n = 5;
        return true;
    }
    if (!begins(name, n, "atomic_") || n < 16 || memcmp(name + n - 9, "_explicit", 9) != 0) return false;
    out->name = name + 7;
    out->name_n = n - 16;
    find_order(s, open, closing(s, open), begins(out->name, out->name_n, "compare_"), out->order,
               sizeof out->order);
    return is_access(out->name, out->name_n);
}

static bool same_access(const char *stated, const struct found *access) {
    if (strcmp(stated, "load") == 0) return access->name_n == 4;
    if (strcmp(stated, "store") == 0) return access->name_n == 5 && access->name[0] == 's';
    if (strcmp(stated, "CAS") == 0) return begins(access->name, access->name_n, "compare_exchange_");
    return true;
}

/* The comment that an access on these lines is about: the last one that begins beside it, else the last one not far
 * above it. NULL: none. */
static const struct comment *nearest(const struct source *s, uint32_t first, uint32_t last) {
    const struct comment *above = NULL, *beside = NULL;
    for (size_t i = 0; i < s->comments_n; i++) {
        const struct comment *at = &s->comments[i];
        if (at->note == at->note_end) continue;
        if (at->first >= first && at->first <= last) beside = at;
        if (at->last < first && first - at->last <= REACH) above = at;
    }
    return beside ? beside : above;
}

/* Of the notes of a comment the one that says what the access is: one that has no access yet, if there is one. */
static struct mk_note *fitting(const struct source *s, const struct comment *comment, const struct found *access) {
    struct mk_note *best = NULL;
    for (size_t i = comment->note; i < comment->note_end; i++) {
        struct mk_note *note = &s->out->notes[i];
        bool fits =
            (!access->order[0] || strcmp(note->order, access->order) == 0) && same_access(note->access, access);
        if (fits && (!best || best->spans_n)) best = note;
    }
    return best ? best : &s->out->notes[comment->note];
}

static void match_accesses(struct source *s) {
    for (size_t at = 0; at < s->n;) {
        size_t n = 0;
        struct found access;
        while (at + n < s->n && is_word(s->code[at + n])) n++;
        if (n && access_at(s, at, n, &access)) {
            const struct comment *comment = nearest(s, access.first, access.last);
            struct mk_note *note = comment ? fitting(s, comment, &access) : NULL;
            if (note) {
                struct mk_note_span *span = mk_grow(&note->spans, &note->spans_n, sizeof *span);
                span->first = access.first;
                span->last = access.last;
                span->access = mk_need_format("%.*s", (int)access.name_n, access.name);
            }
        }
        at += n ? n : 1;
    }
}

/* ---- linearization points ---------------------------------------------------------------------- */

/* Returns the offset where the statement that begins at `at` ends, a block or a whole function being one. */
static size_t statement_end(const struct source *s, size_t at) {
    for (size_t i = at; i < s->n; i++) {
        char c = s->code[i];
        if (c == ';' || c == '}') return i;
        if (c == '(') i = closing(s, i);
        else if (c == '{') return closing(s, i);
    }
    return s->n ? s->n - 1 : 0;
}

static bool has_lock(const struct source *s, size_t from, size_t to) {
    for (size_t at = from; at + 5 <= to; at++) {
        if (memcmp(s->code + at, "lock", 4) == 0 && s->code[at + 4] == '(') return true;
    }
    return false;
}

/* Number of the first "(n)" in a text, 0 where there is none. */
static uint32_t named_note(const char *text) {
    for (const char *at = text; (at = strchr(at, '(')) != NULL; at++) {
        struct line line = {at, strcspn(at, ")") + 1};
        uint32_t number = at[line.n - 1] == ')' ? take_number(&line) : 0;
        if (number) return number;
    }
    return 0;
}

/* The access that the statement behind a comment begins with: lint wants its own comment just before it. */
static uint32_t following_note(const struct mk_notes *notes, uint32_t first, uint32_t last) {
    for (size_t i = 0; i < notes->notes_n; i++) {
        for (size_t k = 0; k < notes->notes[i].spans_n; k++) {
            uint32_t line = notes->notes[i].spans[k].first;
            if (line >= first && line <= last && line <= first + 1) return notes->notes[i].number;
        }
    }
    return 0;
}

static bool is_elsewhere(const char *text) {
    static const char *const says[] = {"none", "in the parent", "inside the library"};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        if (strncmp(text, says[i], strlen(says[i])) == 0) return true;
    }
    return false;
}

static void place_lin(const struct source *s, const struct comment *comment, struct mk_note_lin *lin) {
    size_t at = comment->end, end;
    while (at < s->n && isspace((unsigned char)s->code[at])) at++;
    end = statement_end(s, at);
    if (!lin->text) lin->text = mk_need_text("");
    lin->first = at < s->n ? line_of(s, at) : lin->line;
    lin->last = at < s->n ? line_of(s, end) : lin->line;
    lin->locks = at < s->n && has_lock(s, at, end);
    lin->elsewhere = is_elsewhere(lin->text);
    lin->note = lin->elsewhere ? 0 : named_note(lin->text);
    if (!mk_notes_find(s->out, lin->note)) lin->note = 0;
    if (!lin->note && !lin->elsewhere) lin->note = following_note(s->out, lin->first, lin->last);
}

/* Takes "LIN get hit, miss:" off a line. Returns what stands between, or NULL. */
static char *take_lin(struct line *line) {
    size_t n = 4;
    if (!begins(line->at, line->n, "LIN ")) return NULL;
    while (n < line->n && (is_word(line->at[n]) || memchr(" ,/-", line->at[n], 4))) n++;
    if (n == 4 || n >= line->n || line->at[n] != ':') return NULL;
    char *what = mk_need_format("%.*s", (int)n - 4, line->at + 4);
    *line = (struct line){line->at + n + 1, line->n - n - 1};
    return what;
}

static void read_lins(struct source *s, const struct comment *comment) {
    size_t begun = s->out->lins_n;
    struct mk_note_lin *lin = NULL;
    for (size_t offset = comment->at; offset < comment->end;) {
        uint32_t at = line_of(s, offset);
        struct line line = next_line(s, comment, &offset), head = line;
        char *what = take_lin(&line);
        if (what) {
            lin = mk_grow(&s->out->lins, &s->out->lins_n, sizeof *lin);
            lin->what = what;
            lin->line = at;
        } else if (take_number(&head)) {
            lin = NULL; /* a numbered access in the same comment */
        }
        if (lin) join(&lin->text, line);
    }
    for (; begun < s->out->lins_n; begun++) place_lin(s, comment, &s->out->lins[begun]);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

void mk_notes_parse(const char *file, const char *text, size_t n, struct mk_notes *notes) {
    struct source s = {.text = text, .n = n, .out = notes};
    memset(notes, 0, sizeof *notes);
    notes->file = mk_need_text(file);
    index_lines(&s);
    split(&s);
    if (s.comments_n) read_reasons(&s, &s.comments[0]);
    /* what stands in the block at the top is about the file, and no access */
    for (size_t i = 0; i < s.comments_n; i++) {
        if (s.comments[i].first > 1) read_notes(&s, &s.comments[i]);
    }
    match_accesses(&s);
    for (size_t i = 0; i < s.comments_n; i++) {
        if (s.comments[i].first > 1) read_lins(&s, &s.comments[i]);
    }
    free(s.code);
    free(s.line_at);
    free(s.comments);
}

/* Returns the folder of the source tree that this program was built in, the caller's, or NULL. */
static char *own_tree(void) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return NULL;
    self[n] = '\0';
    char *build = strstr(self, "/build/");
    if (!build) return NULL;
    *build = '\0';
    return mk_need_text(self);
}

int mk_notes_read(const char *file, struct mk_notes *notes, struct mk_err *err) {
    struct mk_text text = {0};
    struct mk_err why = {{0}};
    const char *asked = getenv("MK_SOURCE_DIR");
    char *folder = asked ? mk_need_text(asked) : own_tree();
    char *other = folder && *file != '/' ? mk_need_format("%s/%s", folder, file) : NULL;
    int failed = mk_text_load(&text, file, FILE_LIMIT_BYTES, &why);
    if (failed && other) failed = mk_text_load(&text, other, FILE_LIMIT_BYTES, &why);
    if (!failed) mk_notes_parse(file, text.at ? text.at : "", text.n, notes);
    mk_text_free(&text);
    free(other);
    free(folder);
    if (!failed) return 0;
    return mk_fail(err, "%.100s %.80s; begin in the folder of the sources, or say where it is in MK_SOURCE_DIR",
                   file, why.text);
}

void mk_notes_free(struct mk_notes *notes) {
    for (size_t i = 0; i < notes->notes_n; i++) {
        struct mk_note *note = &notes->notes[i];
        for (size_t k = 0; k < note->spans_n; k++) free(note->spans[k].access);
        free(note->spans);
        free(note->order);
        free(note->access);
        free(note->text);
    }
    for (size_t i = 0; i < notes->lins_n; i++) {
        free(notes->lins[i].what);
        free(notes->lins[i].text);
    }
    for (size_t i = 0; i < notes->reasons_n; i++) {
        free(notes->reasons[i].what);
        free(notes->reasons[i].text);
    }
    free(notes->notes);
    free(notes->lins);
    free(notes->reasons);
    free(notes->file);
    memset(notes, 0, sizeof *notes);
}

/* ---- looking up -------------------------------------------------------------------------------------- */

const struct mk_note *mk_notes_find(const struct mk_notes *notes, uint32_t number) {
    for (size_t i = 0; i < notes->notes_n && number; i++) {
        if (notes->notes[i].number == number) return &notes->notes[i];
    }
    return NULL;
}

/* Whether code that is called so can be compiled to a site of that kind. A compare-exchange that the compiler knows
 * to be of one byte, a flag, a fence: any. */
static bool can_be(const char *access, unsigned act) {
    if (act == MK_ACT_LOAD) return strcmp(access, "load") == 0;
    if (act == MK_ACT_STORE) return strcmp(access, "store") == 0 || strncmp(access, "flag_", 5) == 0;
    if (act == MK_ACT_RMW) return strcmp(access, "load") != 0 && strcmp(access, "store") != 0;
    return strcmp(access, "fence") == 0;
}

static bool has_order(const struct mk_note *note, int order) {
    if (order < 0 || strstr(note->order, "fence")) return true;
    return strcmp(note->order, mk_order_name(order)) == 0;
}

const struct mk_note *mk_notes_at(const struct mk_notes *notes, uint32_t line, unsigned act, int order) {
    for (size_t i = 0; i < notes->notes_n; i++) {
        const struct mk_note *note = &notes->notes[i];
        for (size_t k = 0; k < note->spans_n; k++) {
            const struct mk_note_span *span = &note->spans[k];
            if (line >= span->first && line <= span->last && can_be(span->access, act) && has_order(note, order)) {
                return note;
            }
        }
    }
    return NULL;
}

const char *mk_notes_reason(const struct mk_notes *notes, bool kept, uint32_t number, const char *lin) {
    for (size_t i = 0; i < notes->reasons_n; i++) {
        const struct mk_note_reason *reason = &notes->reasons[i];
        if (reason->kept != kept || reason->number != number) continue;
        if (number || (lin && reason->what && strcmp(reason->what, lin) == 0)) return reason->text;
    }
    return NULL;
}
