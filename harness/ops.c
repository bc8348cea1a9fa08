/* ops.c - deals operations by their shares and gives each its key or its block. */
#include "ops.h"

#include "../impl/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const struct mk_choice_name mk_block_pattern_names[MK_BLOCK_PATTERNS] = {
    [MK_BLOCKS_LIFO] = {"lifo", "the block allocated last is freed first"},
    [MK_BLOCKS_FIFO] = {"fifo", "the oldest block is freed first"},
    [MK_BLOCKS_SHUFFLED] = {"shuffled", "every block is freed once a lap, in an order that changes each lap"},
    [MK_BLOCKS_RANDOM] = {"random", "any block is freed"},
};

const struct mk_choice_name mk_sizes_kind_names[MK_SIZES_KINDS] = {
    [MK_SIZES_FIXED] = {"fixed", "one size"},
    [MK_SIZES_UNIFORM] = {"uniform", "every size in a range alike"},
    [MK_SIZES_LOG_UNIFORM] = {"log_uniform", "every octave of a range alike"},
    [MK_SIZES_WEIGHTED] = {"weighted", "a list of sizes with weights"},
};

/* ---- sizes -------------------------------------------------------------------------------- */

static int check_size(uint32_t bytes, struct mk_err *err) {
    if (bytes >= 1 && bytes <= MK_SLOT_MASK) return 0;
    return mk_fail(err, "a block of %u bytes: give 1 to 2^30 - 1", bytes);
}

/* Adds the weights to *sum. */
static int check_weights(const struct mk_blocks_config *cfg, double *sum, struct mk_err *err) {
    if (cfg->list_count == 0 || cfg->list_count > MK_SIZE_CLASSES) {
        return mk_fail(err, "%zu weighted sizes: give 1 to %d", cfg->list_count, MK_SIZE_CLASSES);
    }
    for (size_t i = 0; i < cfg->list_count; i++) {
        double weight = cfg->list[i].weight;
        if (check_size(cfg->list[i].bytes, err)) return -1;
        if (!(weight >= 0 && isfinite(weight))) {
            return mk_fail(err, "size %u has the weight %g: give 0 or more", cfg->list[i].bytes, weight);
        }
        *sum += weight;
    }
    if (!(*sum > 0 && isfinite(*sum))) return mk_fail(err, "the weights of the sizes add up to %g", *sum);
    return 0;
}

/* Vose's construction: each class that is under its even share is topped up by one that is over. */
static int init_weighted(struct mk_sizes *sizes, const struct mk_blocks_config *cfg, struct mk_err *err) {
    uint32_t under[MK_SIZE_CLASSES], over[MK_SIZE_CLASSES], unders = 0, overs = 0;
    double sum = 0;
    if (check_weights(cfg, &sum, err)) return -1;
    sizes->count = (uint32_t)cfg->list_count;
    for (uint32_t i = 0; i < sizes->count; i++) {
        sizes->bytes[i] = cfg->list[i].bytes;
        sizes->other[i] = i;
        sizes->keep[i] = cfg->list[i].weight / sum * sizes->count;
        if (sizes->keep[i] < 1) {
            under[unders++] = i;
        } else {
            over[overs++] = i;
        }
    }
    while (unders && overs) {
        uint32_t small = under[--unders], large = over[overs - 1];
        sizes->other[small] = large;
        sizes->keep[large] -= 1 - sizes->keep[small];
        if (sizes->keep[large] < 1) under[unders++] = over[--overs];
    }
    /* what rounding leaves over is a whole share; `other` of it is itself, so keep does not matter */
    return 0;
}

static int init_sizes(struct mk_sizes *sizes, const struct mk_blocks_config *cfg, struct mk_err *err) {
    if ((unsigned)cfg->sizes >= MK_SIZES_KINDS) return mk_fail(err, "unknown kind of sizes %d", (int)cfg->sizes);
    sizes->kind = cfg->sizes;
    if (cfg->sizes == MK_SIZES_WEIGHTED) return init_weighted(sizes, cfg, err);
    sizes->min_bytes = cfg->min_bytes;
    sizes->max_bytes = cfg->sizes == MK_SIZES_FIXED ? cfg->min_bytes : cfg->max_bytes;
    if (check_size(sizes->min_bytes, err) || check_size(sizes->max_bytes, err)) return -1;
    if (sizes->min_bytes > sizes->max_bytes) {
        return mk_fail(err, "block sizes from %u to %u bytes: the smaller first", sizes->min_bytes,
                       sizes->max_bytes);
    }
    sizes->log2_min = log2(sizes->min_bytes);
    sizes->log2_span = log2((double)sizes->max_bytes + 1) - sizes->log2_min;
    return 0;
}

static uint32_t draw_size(const struct mk_sizes *sizes, struct mk_rng *rng) {
    switch (sizes->kind) {
    case MK_SIZES_UNIFORM:
        return sizes->min_bytes + (uint32_t)mk_rng_below(rng, (uint64_t)sizes->max_bytes - sizes->min_bytes + 1);
    case MK_SIZES_LOG_UNIFORM: {
        uint32_t bytes = (uint32_t)exp2(sizes->log2_min + mk_rng_unit(rng) * sizes->log2_span);
        if (bytes < sizes->min_bytes) return sizes->min_bytes;
        return bytes > sizes->max_bytes ? sizes->max_bytes : bytes;
    }
    case MK_SIZES_WEIGHTED: {
        uint32_t i = (uint32_t)mk_rng_below(rng, sizes->count);
        return sizes->bytes[mk_rng_unit(rng) < sizes->keep[i] ? i : sizes->other[i]];
    }
    default: return sizes->min_bytes;
    }
}

/* ---- scripts ------------------------------------------------------------------------------ */

static enum mk_ops_role role_of(const struct mk_op_desc *desc) {
    switch (desc->operand) {
    case MK_OPERAND_KEY: return MK_ROLE_KEY;
    case MK_OPERAND_FRESH: return MK_ROLE_FRESH;
    case MK_OPERAND_BLOCK: break;
    default: return MK_ROLE_NONE;
    }
    if (desc->code == MK_ALLOC_FREE) return MK_ROLE_REPLACE;
    if (desc->code == MK_ALLOC_RESIZE) return MK_ROLE_RESIZE;
    if (desc->code == MK_ALLOC_WRITE) return MK_ROLE_WRITE;
    if (desc->code == MK_ALLOC_GIVE) return MK_ROLE_TRADE;
    if (desc->code == MK_ALLOC_TAKE) return MK_ROLE_TAKE;
    if (desc->second == MK_ALLOC_REWIND) return MK_ROLE_FRAME;
    return desc->second == MK_ALLOC_GIVE ? MK_ROLE_GIVE : MK_ROLE_BUILD;
}

static bool is_block_role(enum mk_ops_role role) {
    return role >= MK_ROLE_REPLACE;
}

/* Returns whether the role works on live blocks that are there already. */
static bool needs_prefill(enum mk_ops_role role) {
    return role == MK_ROLE_REPLACE || role == MK_ROLE_TRADE || role == MK_ROLE_RESIZE || role == MK_ROLE_WRITE;
}

bool mk_ops_gives(enum mk_ops_role role) {
    return role == MK_ROLE_GIVE || role == MK_ROLE_TRADE;
}

bool mk_ops_takes(enum mk_ops_role role) {
    return role == MK_ROLE_TAKE || role == MK_ROLE_TRADE;
}

/* Returns the first operation of the script with that role, or NULL. */
static const struct mk_ops_type *find_role(const struct mk_ops *ops, enum mk_ops_role role) {
    for (unsigned i = 0; i < ops->types; i++) {
        if (ops->type[i].role == role) return &ops->type[i];
    }
    return NULL;
}

/* Takes over the operations that have a share, and scales the shares to add up to 1 exactly. */
static int init_types(struct mk_ops *ops, const struct mk_script *script, struct mk_err *err) {
    double sum = 0;
    ops->types = 0;
    for (unsigned i = 0; script->ops[i].name; i++) {
        if (i == MK_SCRIPT_OPS) return mk_fail(err, "a kind may have %d operations", MK_SCRIPT_OPS);
        double share = script->share[i];
        if (!(share >= 0 && share <= 1)) {
            return mk_fail(err, "the share of %s is %g: give 0 to 1", script->ops[i].name, share);
        }
        if (share == 0) continue;
        ops->type[ops->types++] = (struct mk_ops_type){&script->ops[i], role_of(&script->ops[i]), share};
        sum += share;
    }
    if (!(fabs(sum - 1) <= 1e-6)) return mk_fail(err, "the shares of the operations add up to %.9g, not to 1", sum);
    for (unsigned i = 0; i < ops->types; i++) ops->type[i].share /= sum;
    return 0;
}

/* Returns the operation that fills slots itself and empties many at once, or NULL. */
static const struct mk_ops_type *find_filling(const struct mk_ops *ops) {
    const struct mk_ops_type *build = find_role(ops, MK_ROLE_BUILD);
    return build ? build : find_role(ops, MK_ROLE_FRAME);
}

static int init_blocks(struct mk_ops *ops, const struct mk_blocks_config *cfg, struct mk_err *err) {
    const struct mk_ops_type *filling = find_filling(ops);
    bool needs_live = filling != NULL;
    uint64_t batch = cfg->batch ? cfg->batch : 1;
    uint64_t live_max = find_role(ops, MK_ROLE_FRAME) ? MK_SCOPE_SLOTS_MAX - 1 : MK_SLOT_MASK - 2 * batch;
    for (unsigned i = 0; i < ops->types; i++) needs_live = needs_live || needs_prefill(ops->type[i].role);
    if (batch > MK_BATCH_MAX) {
        return mk_fail(err, "batches of %" PRIu64 " blocks: give 1 to %u", batch, MK_BATCH_MAX);
    }
    if (filling && ops->types > 1) {
        return mk_fail(err, "%s drops many blocks at once: give it a group or phase of its own", filling->desc->name);
    }
    if ((needs_live && cfg->live == 0) || cfg->live > live_max) {
        return mk_fail(err, "%" PRIu64 " live blocks a thread: give 1 to %" PRIu64, cfg->live, live_max);
    }
    if (cfg->live < 2 && find_role(ops, MK_ROLE_FRAME)) {
        return mk_fail(err, "%" PRIu64 " live blocks a thread leave %s no room for a scope: give 2 or more", cfg->live,
                       filling->desc->name);
    }
    if ((unsigned)cfg->pattern >= MK_BLOCK_PATTERNS) return mk_fail(err, "unknown pattern %d", (int)cfg->pattern);
    ops->live = cfg->live;
    ops->batch = batch;
    ops->pattern = cfg->pattern;
    return init_sizes(&ops->sizes, cfg, err);
}

int mk_ops_init(struct mk_ops *ops, const struct mk_script *script, uint64_t seed, struct mk_err *err) {
    bool uses_blocks = false;
    if (script->run_len == 0) return mk_fail(err, "run_len is 0: give 1 or more");
    if (init_types(ops, script, err)) return -1;
    ops->run_len = script->run_len;
    ops->uses_keys = find_role(ops, MK_ROLE_KEY) || find_role(ops, MK_ROLE_FRESH);
    ops->live = 0;
    ops->batch = 1;
    for (unsigned i = 0; i < ops->types; i++) uses_blocks |= is_block_role(ops->type[i].role);
    if (ops->uses_keys && mk_keys_init(&ops->keys, &script->keys, seed, err)) return -1;
    return uses_blocks ? init_blocks(ops, &script->blocks, err) : 0;
}

/* ---- streams ------------------------------------------------------------------------------ */

void mk_ops_begin(struct mk_ops_stream *stream, const struct mk_ops *ops, uint64_t seed, uint32_t thread,
                  uint32_t threads) {
    memset(stream, 0, sizeof *stream);
    stream->ops = ops;
    stream->type = ops->type;
    mk_rng_seed(&stream->rng, seed);
    if (ops->uses_keys) mk_keys_begin(&ops->keys, &stream->at, thread, threads);
}

/* Fills the deck with what each type is owed, whole runs first, the rest to those who are furthest
 * behind; then shuffles it. */
static void deal_deck(struct mk_ops_stream *stream) {
    const struct mk_ops *ops = stream->ops;
    unsigned dealt = 0;
    for (unsigned i = 0; i < ops->types; i++) {
        stream->owed[i] += ops->type[i].share * MK_DECK;
        for (; stream->owed[i] >= 1 && dealt < MK_DECK; stream->owed[i]--) stream->deck[dealt++] = (uint8_t)i;
    }
    for (; dealt < MK_DECK; dealt++) {
        unsigned most = 0;
        for (unsigned i = 1; i < ops->types; i++) {
            if (stream->owed[i] > stream->owed[most]) most = i;
        }
        stream->owed[most]--;
        stream->deck[dealt] = (uint8_t)most;
    }
    for (unsigned card = MK_DECK - 1; card > 0; card--) {
        unsigned with = (unsigned)mk_rng_below(&stream->rng, card + 1);
        uint8_t held = stream->deck[card];
        stream->deck[card] = stream->deck[with];
        stream->deck[with] = held;
    }
    stream->deck_left = MK_DECK;
}

static void next_run(struct mk_ops_stream *stream) {
    stream->run_left = stream->ops->run_len;
    if (stream->ops->types == 1) return;
    if (stream->deck_left == 0) deal_deck(stream);
    stream->type = &stream->ops->type[stream->deck[--stream->deck_left]];
}

/* Returns the live slot whose block is replaced next. */
static uint64_t pattern_slot(struct mk_ops_stream *stream) {
    uint64_t live = stream->ops->live, place;
    switch (stream->ops->pattern) {
    case MK_BLOCKS_LIFO: return live - 1;
    case MK_BLOCKS_RANDOM: return mk_rng_below(&stream->rng, live);
    default: break;
    }
    place = stream->next_slot++;
    if (stream->next_slot == live) stream->next_slot = 0;
    if (stream->ops->pattern == MK_BLOCKS_FIFO) return place;
    if (place == 0) mk_perm_init(&stream->lap, live, &stream->rng);
    return mk_perm_at(&stream->lap, place);
}

/* Into the next slot. With no scope open, one is opened before it; else behind every 16th block or so another one is
 * opened, or the innermost closed, as it is when no slot is left. Returns how many words: 1 or 2. */
static unsigned frame_words(struct mk_ops_stream *stream, uint64_t word[2]) {
    const struct mk_ops *ops = stream->ops;
    uint64_t slot = stream->next_slot++;
    uint64_t alloc = MK_PACK_BLOCK(MK_ALLOC_ALLOC, slot, draw_size(&ops->sizes, &stream->rng));
    uint64_t chance = mk_rng_below(&stream->rng, 32);
    bool is_full = stream->next_slot == ops->live;
    word[0] = alloc;
    if (!stream->scopes) {
        stream->scope[stream->scopes++] = (uint32_t)slot;
        word[0] = MK_PACK_BLOCK(MK_ALLOC_MARK, slot, 0);
        word[1] = alloc;
        return 2;
    }
    if (is_full || chance == 0) {
        uint32_t scope = --stream->scopes, first = stream->scope[scope];
        word[1] = MK_PACK_BLOCK(MK_ALLOC_REWIND, first, MK_SCOPE_END(stream->next_slot, scope));
        stream->next_slot = first;
        return 2;
    }
    if (chance > 1 || stream->scopes == MK_SCOPES) return 1;
    word[1] = MK_PACK_BLOCK(MK_ALLOC_MARK, stream->next_slot, stream->scopes);
    stream->scope[stream->scopes++] = (uint32_t)stream->next_slot;
    return 2;
}

/* One word of a batch: as many of the first code, one a slot, as of the second. */
static uint64_t batch_word(struct mk_ops_stream *stream, const struct mk_ops_type *type, uint64_t first_slot,
                           uint64_t *at) {
    const struct mk_ops *ops = stream->ops;
    uint64_t place = *at, slot = first_slot + place % ops->batch;
    *at = place + 1 == 2 * ops->batch ? 0 : place + 1;
    if (place >= ops->batch) return MK_PACK_BLOCK(type->desc->second, slot, 0);
    uint64_t bytes = type->role == MK_ROLE_GIVE ? draw_size(&ops->sizes, &stream->rng) : 0;
    return MK_PACK_BLOCK(type->desc->code, slot, bytes);
}

static unsigned batch_words(struct mk_ops_stream *stream, const struct mk_ops_type *type, uint64_t word[2]) {
    bool gives = type->role == MK_ROLE_GIVE;
    uint64_t first_slot = stream->ops->live + (gives ? 0 : stream->ops->batch);
    for (unsigned i = 0; i < 2; i++) {
        word[i] = batch_word(stream, type, first_slot, gives ? &stream->given : &stream->taken);
    }
    return 2;
}

/* Writes the words of one operation on blocks. Returns how many: 1 or 2. */
static unsigned block_words(struct mk_ops_stream *stream, const struct mk_ops_type *type, uint64_t word[2]) {
    const struct mk_ops *ops = stream->ops;
    uint64_t slot = 0, bytes = 0;
    if (type->role == MK_ROLE_FRAME) return frame_words(stream, word);
    if (type->role == MK_ROLE_GIVE || type->role == MK_ROLE_TAKE) return batch_words(stream, type, word);
    switch (type->role) {
    case MK_ROLE_REPLACE:
    case MK_ROLE_TRADE: slot = pattern_slot(stream); break;
    case MK_ROLE_RESIZE:
    case MK_ROLE_WRITE: slot = mk_rng_below(&stream->rng, ops->live); break;
    case MK_ROLE_BUILD: slot = stream->next_slot++; break;
    default: break;
    }
    if (type->role != MK_ROLE_TRADE && type->role != MK_ROLE_WRITE) bytes = draw_size(&ops->sizes, &stream->rng);
    word[0] = MK_PACK_BLOCK(type->desc->code, slot, bytes);
    if (type->role == MK_ROLE_BUILD) {
        if (stream->next_slot < ops->live) return 1;
        stream->next_slot = 0;
        word[1] = MK_PACK_BLOCK(MK_ALLOC_RESET, ops->live, 0);
        return 2;
    }
    if (type->desc->second == MK_NO_CODE) return 1;
    word[1] = MK_PACK_BLOCK(type->desc->second, slot, bytes);
    return 2;
}

/* Writes the words of the next operation of the run. Returns how many: 1 or 2. */
static inline unsigned next_words(struct mk_ops_stream *stream, uint64_t word[2]) {
    const struct mk_ops_type *type = stream->type;
    const struct mk_keys *keys = &stream->ops->keys;
    uint64_t operand = 0;
    if (is_block_role(type->role)) return block_words(stream, type, word);
    if (type->role == MK_ROLE_KEY) operand = mk_keys_key(keys, mk_keys_draw(keys, &stream->at, &stream->rng));
    if (type->role == MK_ROLE_FRESH) operand = mk_keys_key(keys, mk_keys_fresh(keys, &stream->at));
    word[0] = MK_PACK(type->desc->code, operand);
    if (type->desc->second == MK_NO_CODE) return 1;
    word[1] = MK_PACK(type->desc->second, operand);
    return 2;
}

void mk_ops_fill(struct mk_ops_stream *stream, uint64_t *words, size_t n) {
    size_t i = 0;
    if (n && stream->is_pending) {
        words[i++] = stream->pending;
        stream->is_pending = false;
    }
    while (i < n) {
        uint64_t word[2];
        if (stream->run_left == 0) next_run(stream);
        stream->run_left--;
        bool two = next_words(stream, word) == 2;
        words[i++] = word[0];
        if (!two) continue;
        if (i < n) {
            words[i++] = word[1];
        } else {
            stream->pending = word[1];
            stream->is_pending = true;
        }
    }
}

void mk_ops_count(const uint64_t *words, size_t n, uint64_t out[MK_OPS_MAX]) {
    uint64_t lane[4][MK_OPS_MAX] = {{0}}; /* four, so that equal neighbours do not wait for each other */
    for (size_t i = 0; i < n; i++) lane[i & 3][MK_CODE(words[i])]++;
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        out[code] += lane[0][code] + lane[1][code] + lane[2][code] + lane[3][code];
    }
}

uint64_t mk_ops_slots(const struct mk_ops *ops) {
    return ops->live + 2 * ops->batch;
}

/* ---- before and after the clock ------------------------------------------------------------ */

/* Returns the code that puts a key whether or not it is there, or MK_NO_CODE. */
static unsigned adding_code(const struct mk_op_desc *ops) {
    for (; ops->name; ops++) {
        if (ops->effect == MK_EFFECT_ADD && ops->second == MK_NO_CODE) return ops->code;
    }
    return MK_NO_CODE;
}

static uint64_t prefill_total(const struct mk_keys *keys, double frac) {
    return (uint64_t)llround(frac * (double)keys->cfg.count);
}

uint64_t mk_prefill_keys_count(const struct mk_keys *keys, const struct mk_op_desc *ops, double frac,
                               uint32_t thread, uint32_t threads) {
    uint64_t total = prefill_total(keys, frac);
    if (adding_code(ops) == MK_NO_CODE) return 0;
    return mk_split(total, thread + 1, threads) - mk_split(total, thread, threads);
}

static int compare_words(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void mk_prefill_keys(const struct mk_keys *keys, const struct mk_op_desc *ops, double frac,
                     enum mk_prefill_order order, uint32_t thread, uint32_t threads, uint64_t *words) {
    uint64_t n = mk_prefill_keys_count(keys, ops, frac, thread, threads);
    uint64_t first = mk_split(prefill_total(keys, frac), thread, threads);
    unsigned code = adding_code(ops);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t id = keys->cfg.offset + mk_perm_at(&keys->prefill, first + i);
        words[i] = MK_PACK(code, mk_keys_key(keys, id));
    }
    /* all words have one code, in the low bits: they order as their keys do */
    if (order == MK_PREFILL_SORTED && n > 0) qsort(words, n, sizeof *words, compare_words);
}

uint64_t mk_prefill_blocks_count(const struct mk_ops *ops) {
    return find_filling(ops) ? 0 : ops->live;
}

/* Returns the code that fills a slot: what is freed as a constructed object has to be one from the start. */
static unsigned filling_code(const struct mk_ops *ops) {
    for (unsigned i = 0; i < ops->types; i++) {
        if (ops->type[i].desc->second == MK_ALLOC_OBJECT) return MK_ALLOC_OBJECT;
    }
    return MK_ALLOC_ALLOC;
}

void mk_prefill_blocks(const struct mk_ops *ops, enum mk_prefill_order order, uint64_t seed, uint64_t *words) {
    uint64_t n = mk_prefill_blocks_count(ops);
    struct mk_rng rng;
    struct mk_perm perm;
    if (n == 0) return;
    mk_rng_seed(&rng, seed);
    mk_perm_init(&perm, n, &rng);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t slot = order == MK_PREFILL_SORTED ? i : mk_perm_at(&perm, i);
        words[i] = MK_PACK_BLOCK(filling_code(ops), slot, draw_size(&ops->sizes, &rng));
    }
}

void mk_drain_blocks(const struct mk_ops *ops, uint64_t *words) {
    uint64_t n = mk_ops_slots(ops);
    for (uint64_t slot = 0; slot < n; slot++) words[slot] = MK_PACK_BLOCK(MK_ALLOC_FREE, slot, 0);
}
