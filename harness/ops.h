/* ops.h - operation streams: from a script (which operations, which keys or blocks) to the words
 * that a batch consumes.
 *
 * A stream is a sequence without end; mk_ops_fill writes its next words. It is made before the
 * clock starts, once for all contenders, and depends on nothing but the script, two seeds and the
 * thread's place: asking for more words changes none of those that came before.
 *
 * Shares are kept, not only expected: operations are dealt from decks of MK_DECK cards whose
 * contents carry the rounding on, so that over any stretch each type is at most a deck off, while
 * the order inside a deck is random.
 */
#ifndef MK_OPS_H
#define MK_OPS_H

#include "../impl/alloc.h" /* scopes of blocks */
#include "keys.h"
#include "rng.h"

#define MK_SCRIPT_OPS 32 /* entries of a kind's operation table at most */
#define MK_DECK 256      /* runs that are dealt at a time */
#define MK_SIZE_CLASSES 256
#define MK_BATCH_MAX 65536u /* blocks handed over at a time */

/* ---- blocks: what the operations of kind alloc work on ------------------------------------ */

/* Which live block a pair replaces. */
enum mk_block_pattern {
    MK_BLOCKS_LIFO,     /* the one allocated last, again and again */
    MK_BLOCKS_FIFO,     /* the oldest */
    MK_BLOCKS_SHUFFLED, /* every one once a lap, each lap in another order */
    MK_BLOCKS_RANDOM    /* any */
};

enum mk_sizes_kind {
    MK_SIZES_FIXED,       /* min_bytes */
    MK_SIZES_UNIFORM,     /* every size from min_bytes to max_bytes alike */
    MK_SIZES_LOG_UNIFORM, /* every octave alike */
    MK_SIZES_WEIGHTED     /* `list` */
};

#define MK_BLOCK_PATTERNS (MK_BLOCKS_RANDOM + 1)
#define MK_SIZES_KINDS (MK_SIZES_WEIGHTED + 1)
extern const struct mk_choice_name mk_block_pattern_names[MK_BLOCK_PATTERNS];
extern const struct mk_choice_name mk_sizes_kind_names[MK_SIZES_KINDS];

struct mk_size_weight {
    uint32_t bytes;
    double weight;
};

struct mk_blocks_config {
    uint64_t live; /* slots of each thread that hold a block */
    uint64_t batch; /* blocks that are allocated before they are given, and taken before they are freed; 0 = 1 */
    enum mk_block_pattern pattern;
    enum mk_sizes_kind sizes;
    uint32_t min_bytes, max_bytes;     /* 1 to 2^30 - 1 */
    const struct mk_size_weight *list; /* the caller's; read by mk_ops_init alone */
    size_t list_count;                 /* at most MK_SIZE_CLASSES */
};

/* ---- scripts ------------------------------------------------------------------------------ */

/* What one group of threads does. Fields that none of its operations needs are ignored. */
struct mk_script {
    const struct mk_op_desc *ops; /* the kind's table */
    double share[MK_SCRIPT_OPS];  /* of the operations, by place in the table; they add up to 1 */
    uint32_t run_len;             /* operations of one type in a row; 1 = mixed */
    struct mk_keys_config keys;
    struct mk_blocks_config blocks;
};

/* What an operation's operand is, worked out from its description. */
enum mk_ops_role {
    MK_ROLE_NONE,
    MK_ROLE_KEY,
    MK_ROLE_FRESH,
    MK_ROLE_REPLACE, /* a live slot by the pattern: freed, then filled again */
    MK_ROLE_TRADE,   /* a live slot by the pattern: given, then filled with what was given to us */
    MK_ROLE_RESIZE,  /* any live slot */
    MK_ROLE_WRITE,   /* the same, which keeps its size */
    MK_ROLE_BUILD,   /* the next empty slot, and a reset when all are full */
    MK_ROLE_FRAME,   /* the next empty slot, in scopes that open and close */
    MK_ROLE_GIVE,    /* the slots behind the live ones, `batch` of them */
    MK_ROLE_TAKE     /* as many behind those */
};

struct mk_ops_type {
    const struct mk_op_desc *desc;
    enum mk_ops_role role;
    double share;
};

/* Sizes drawn in constant time, whatever their weights (Walker's alias method, as Vose builds it). */
struct mk_sizes {
    enum mk_sizes_kind kind;
    uint32_t min_bytes, max_bytes, count;
    double log2_min, log2_span;
    uint32_t bytes[MK_SIZE_CLASSES], other[MK_SIZE_CLASSES];
    double keep[MK_SIZE_CLASSES]; /* share of the class's draws that do not go to `other` */
};

/* A script made ready. Constant once made: all threads of the group draw from the same one. */
struct mk_ops {
    struct mk_ops_type type[MK_SCRIPT_OPS];
    unsigned types;
    uint32_t run_len;
    bool uses_keys;
    struct mk_keys keys; /* where uses_keys */
    uint64_t live, batch;
    enum mk_block_pattern pattern;
    struct mk_sizes sizes;
};

/* One thread's place in its stream. Private to ops.c. */
struct mk_ops_stream {
    const struct mk_ops *ops;
    struct mk_rng rng;
    struct mk_keys_cursor at;
    double owed[MK_SCRIPT_OPS]; /* runs that each type is behind its share */
    uint8_t deck[MK_DECK];
    unsigned deck_left;
    uint32_t run_left;
    const struct mk_ops_type *type; /* of the run */
    struct mk_perm lap;             /* shuffled: the order of this lap */
    uint64_t next_slot;             /* fifo, shuffled: within the lap; build, frame: the next empty one */
    uint64_t given, taken;          /* words of the present batch of each */
    uint32_t scope[MK_SCOPES];      /* frame: where the open ones begin */
    uint32_t scopes;
    uint64_t pending;               /* the second word of an operation that the last fill cut in two */
    bool is_pending;
};

/* Returns 0, or -1 with err set if the script contradicts itself. Of `script` only the
 * table of operations is kept. `seed` is the one that all who meet in an instance share (mk_keys_init). */
int mk_ops_init(struct mk_ops *ops, const struct mk_script *script, uint64_t seed, struct mk_err *err);

/* Begins the stream of thread `thread` of `threads` of its group; `seed` is the thread's own
 * (mk_seed). ops must outlive the stream. Each thread may make its own. */
void mk_ops_begin(struct mk_ops_stream *stream, const struct mk_ops *ops, uint64_t seed, uint32_t thread,
                  uint32_t threads);

/* Writes the next n words. An operation of two words may be cut at the end; the next call goes on
 * with its second word. */
void mk_ops_fill(struct mk_ops_stream *stream, uint64_t *words, size_t n);

/* Adds to out[code] how many of the n words carry each code. */
void mk_ops_count(const uint64_t *words, size_t n, uint64_t out[MK_OPS_MAX]);

/* Returns whether threads with this role hand blocks to others, or have them handed over. */
bool mk_ops_gives(enum mk_ops_role role);
bool mk_ops_takes(enum mk_ops_role role);

/* Returns how many slots a thread needs: the live ones, a batch to give from and one to take into. */
uint64_t mk_ops_slots(const struct mk_ops *ops);

/* ---- before and after the clock ------------------------------------------------------------ */

enum mk_prefill_order {
    MK_PREFILL_SHUFFLED,
    MK_PREFILL_SORTED /* keys ascending in each thread's part; slots ascending */
};

/* Returns how many words thread `thread` of `threads` puts when `frac` (0 to 1) of the keys are
 * prefilled; 0 for a kind without an operation that adds keys. */
uint64_t mk_prefill_keys_count(const struct mk_keys *keys, const struct mk_op_desc *ops, double frac,
                               uint32_t thread, uint32_t threads);

/* Writes that many words. The parts of all threads are disjoint; which ids they are and their
 * order follow from the seed of `keys`. */
void mk_prefill_keys(const struct mk_keys *keys, const struct mk_op_desc *ops, double frac,
                     enum mk_prefill_order order, uint32_t thread, uint32_t threads, uint64_t *words);

/* Returns how many words fill a thread's live slots: none if the script builds them itself. */
uint64_t mk_prefill_blocks_count(const struct mk_ops *ops);

/* Writes them: one allocation a slot, sizes and shuffled order by `seed`. */
void mk_prefill_blocks(const struct mk_ops *ops, enum mk_prefill_order order, uint64_t seed, uint64_t *words);

/* Writes mk_ops_slots(ops) words that free whatever a thread's slots still hold. */
void mk_drain_blocks(const struct mk_ops *ops, uint64_t *words);

#endif
