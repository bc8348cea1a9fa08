/* json_parts.h - what the files behind json.h share. Only for json*.c. */
#ifndef MK_JSON_PARTS_H
#define MK_JSON_PARTS_H

#include "json.h"

#define MK_JSON_NOWHERE UINT32_MAX /* offset: in no place of the text */
#define MK_JSON_SHOWN_MAX 40       /* bytes of a value that a complaint shows */
#define MK_JSON_WORD_MAX 64        /* longer words are no misspelling of ours */

struct cJSON;

struct mk_json_node {
    const struct cJSON *item;
    uint32_t key_at, at, end;    /* offsets in the text; key_at NOWHERE outside objects */
    uint32_t first, next, count; /* node numbers; MK_JSON_NONE ends them */
};

struct mk_json_complaint {
    uint32_t at; /* offset; NOWHERE: about the file */
    uint32_t order;
    char *text;
};

struct mk_json {
    char *path, *text;
    size_t length;
    struct cJSON *tree;
    struct mk_json_node *nodes;
    size_t nodes_n, nodes_room;
    struct mk_json_complaint *complaints;
    size_t complaints_n, complaints_dropped;
    char suggestion[MK_JSON_WORD_MAX + 32];
};

/* Finds the first syntax error, which becomes a complaint, or fills doc->nodes (but for `item`).
 * Returns whether there is no error. */
bool mk_json_scan(struct mk_json *doc);

/* Returns whether complaints are still kept; otherwise they need not be put into words. */
bool mk_json_keeps(const struct mk_json *doc);

/* A complaint about an offset of the text. */
void mk_json_error_at(struct mk_json *doc, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes the beginning of a stretch of text, on one line, for a complaint. Returns out. */
const char *mk_json_shown(char out[MK_JSON_SHOWN_MAX + 8], const char *text, size_t length);

/* What became of reading a number as a whole one. */
enum mk_json_whole { MK_WHOLE, MK_NOT_WHOLE, MK_NEGATIVE, MK_TOO_LARGE, MK_NOT_EXACT };

/* Reads a node that is a number. Digits are read as such; 1e6 and 4.0 are whole too, as long as a
 * double holds them exactly. */
enum mk_json_whole mk_json_whole(const struct mk_json *doc, uint32_t node, uint64_t *value);

#endif
