/* allocprofile_drawn.c - events drawn from the tables of a profile.
 *
 * The clock counts allocations, those of realloc among them. Between two allocations, threads begin, blocks whose
 * time has come are freed or resized, and threads end. What can be drawn without being put back is drawn that way
 * (sizes by stretch of the run, fates by size), so that shares come out right and not only likely.
 *
 * A long life does not fit in late in a run: a class of lives is drawn in the ratio of what is left of it to the
 * time in which it still can begin.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allocprofile_parts.h"

#define ENDLESS_ALLOCS 1e5   /* a block is resized so often, on average: it has no end */
#define TRIES 32             /* to find a thread that frees another one's block, before ... */
#define LOOKS 1024           /* ... so many are looked at, one after the other */
#define NEVER 0x1p80         /* so long that anything else comes first */
#define FOREVER UINT64_MAX
#define END (UINT64_MAX - 1) /* after all allocations */

enum fate { FREED, CROSSED, RESIZED, AT_END, KEPT };

/* What is left of weights that are drawn without being put back. */
struct urn {
    uint64_t *left;
    size_t n;
    uint64_t total;
};

struct size {
    const struct mk_profile_size *of;
    double expected; /* blocks of it, those of realloc among them */
    size_t classes;
    struct urn fates; /* classes times FREED, CROSSED, RESIZED; then AT_END, KEPT */
    size_t *to;       /* by entry of resized_to: which size that is */
};

struct thread {
    uint64_t begins, ends;
    double allocations, takes; /* still to be made; weight among those that free what others have allocated */
    bool allocates, begun, ended;
};

struct object {
    struct mk_profile_block block;
    uint64_t due, number; /* number: of those that are due at one time, the first comes first */
    uint32_t size, freer; /* freer: the thread that frees it */
    uint8_t fate;
};

struct beginning {
    uint64_t at;
    uint32_t thread;
};

struct drawn {
    struct mk_profile_out *out;
    struct size *size;
    size_t sizes;
    struct thread *thread;
    uint32_t threads;
    struct beginning *beginning; /* threads by their begin */
    uint32_t next;               /* of them: the first that has not begun */
    uint32_t *live;              /* threads that have begun and not ended */
    uint32_t live_n;
    double together_from, together_to; /* from the second thread's begin to the last but one's end */
    double *takes_up_to;               /* by thread: sums of `takes` */
    struct object *heap;               /* by due and number */
    size_t heap_n;
    uint64_t numbers, expected; /* objects; ticks of the clock */
};

static double sum_of(const uint64_t *list, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)list[i];
    return sum;
}

static uint64_t at(const uint64_t *list, size_t n, size_t i) {
    return i < n ? list[i] : 0;
}

/* ---- urns -------------------------------------------------------------------------------------- */

/* Puts about `total` in, at least one, as the weights have it; fractions are rounded so that sums stay right. */
static void fill(struct mk_rng *rng, struct urn *urn, const double *weight, double total) {
    double sum = 0, up_to = 0, offset = mk_rng_unit(rng);
    size_t most = 0;
    for (size_t i = 0; i < urn->n; i++) sum += weight[i];
    urn->total = 0;
    for (size_t i = 0; i < urn->n; i++) {
        double before = floor(total * up_to / sum + offset);
        up_to += weight[i];
        urn->left[i] = (uint64_t)(floor(total * up_to / sum + offset) - before);
        urn->total += urn->left[i];
        if (weight[i] > weight[most]) most = i;
    }
    if (!urn->total) urn->left[most] = urn->total = 1;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

static size_t index_of(const struct drawn *d, uint64_t bytes) {
    size_t i = 0;
    while (i + 1 < d->sizes && d->size[i].of->bytes != bytes) i++;
    return i;
}

static double fates_of(const struct mk_profile_size *of) {
    return sum_of(of->freed, of->freed_n) + sum_of(of->crossed, of->crossed_n) +
           sum_of(of->resized, of->resized_n) + (double)of->at_end + (double)of->kept;
}

static void open_size(struct drawn *d, struct size *size) {
    const struct mk_profile_size *of = size->of;
    size->classes = of->pareto_alpha > 0 ? 1 : of->lives_n;
    size->fates.n = size->classes * 3 + 2;
    size->fates.left = mk_need(size->fates.n, sizeof *size->fates.left);
    size->to = mk_need(of->resized_to_n + 1, sizeof *size->to);
    for (size_t i = 0; i < of->resized_to_n; i++) size->to[i] = index_of(d, of->resized_to[i]);
}

/* Solves for how many blocks of each size there will be: those that are allocated, and what becomes of others by
 * realloc. n is small, and what comes in is mostly what is allocated. Returns -1 where there is no end to it. */
static int solve(double *matrix, double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t row = i + 1; row < n; row++) {
            if (fabs(matrix[row * n + i]) > fabs(matrix[best * n + i])) best = row;
        }
        if (fabs(matrix[best * n + i]) < 1 / ENDLESS_ALLOCS) return -1;
        for (size_t column = 0; column < n; column++) {
            double held = matrix[i * n + column];
            matrix[i * n + column] = matrix[best * n + column];
            matrix[best * n + column] = held;
        }
        double held = x[i];
        x[i] = x[best];
        x[best] = held;
        for (size_t row = 0; row < n; row++) {
            double factor = row == i ? 0 : matrix[row * n + i] / matrix[i * n + i];
            for (size_t column = i; column < n && factor != 0; column++)
                matrix[row * n + column] -= factor * matrix[i * n + column];
            x[row] -= factor * x[i];
        }
    }
    for (size_t i = 0; i < n; i++) x[i] /= matrix[i * n + i];
    return 0;
}

/* Finds how many blocks of each size there will be in `events`, and how many are allocated rather than resized. */
static int expect(struct drawn *d, uint64_t events, double *allocated, struct mk_err *err) {
    size_t n = d->sizes;
    double *matrix = mk_need(n * n, sizeof *matrix), *x = mk_need(n, sizeof *x);
    double counts = 0, objects = 0, calls = 0;
    for (size_t i = 0; i < n; i++) {
        const struct mk_profile_size *of = d->size[i].of;
        double resized = sum_of(of->resized, of->resized_n),
               to = sum_of(of->resized_to_count, of->resized_to_count_n);
        matrix[i * n + i] += 1;
        for (size_t k = 0; k < of->resized_to_n && resized > 0; k++)
            matrix[d->size[i].to[k] * n + i] -= resized / fates_of(of) * (double)of->resized_to_count[k] / to;
        x[i] = (double)of->count;
        counts += x[i];
    }
    int failed = solve(matrix, x, n);
    for (size_t i = 0; i < n; i++) {
        const struct mk_profile_size *of = d->size[i].of;
        double resized = sum_of(of->resized, of->resized_n);
        if (!(x[i] >= 0)) x[i] = 0;
        d->size[i].expected = x[i];
        objects += x[i];
        calls +=
            x[i] * (2 - ((double)of->kept + resized) / fates_of(of)); /* a realloc is the next one's allocation */
    }
    if (failed || !(objects <= counts * ENDLESS_ALLOCS)) {
        failed = mk_fail(
            err, "blocks are reallocated for ever: give some of \"sizes\" that \"resized_to\" leads to more of "
                 "\"freed\", \"at_end\" or \"kept\"");
    }
    double scale = (double)events / calls;
    for (size_t i = 0; i < n; i++) d->size[i].expected *= scale;
    *allocated = counts * scale;
    d->expected = (uint64_t)ceil(objects * scale);
    free(matrix);
    free(x);
    return failed;
}

/* Any size of the entry; above `than` where that can be. */
static uint64_t draw_bytes(struct mk_rng *rng, const struct mk_profile_size *of, uint64_t than) {
    uint64_t from = of->bytes - of->spread_bytes, to = of->bytes + of->spread_bytes;
    if (than >= from) from = than < to ? than + 1 : to;
    return from + mk_rng_below(rng, to - from + 1);
}

/* ---- fates --------------------------------------------------------------------------------------- */

static double mean_life(const struct size *size, size_t place) {
    if (place >= 3 * size->classes) return 0;
    return size->of->pareto_alpha > 0 ? size->of->pareto_min : size->of->lives[place / 3];
}

static void fill_fates(struct drawn *d, struct size *size) {
    const struct mk_profile_size *of = size->of;
    double *weight = mk_need(size->fates.n, sizeof *weight);
    for (size_t i = 0; i < size->classes; i++) {
        weight[3 * i + FREED] = (double)at(of->freed, of->freed_n, i);
        weight[3 * i + CROSSED] = (double)at(of->crossed, of->crossed_n, i);
        weight[3 * i + RESIZED] = (double)at(of->resized, of->resized_n, i);
    }
    weight[3 * size->classes] = (double)of->at_end;
    weight[3 * size->classes + 1] = (double)of->kept;
    fill(&d->out->rng, &size->fates, weight, size->expected < 1 ? 1 : size->expected);
    free(weight);
}

/* What is left, in ratio to the time in which it can still begin. Nothing crosses while there is one thread. */
static double urgency(const struct drawn *d, const struct size *size, size_t place) {
    double life = mean_life(size, place), now = (double)d->out->clock, end = (double)d->expected;
    if (place < 3 * size->classes && place % 3 == CROSSED) {
        if (now + life < d->together_from || now >= d->together_to) return (double)size->fates.left[place] / NEVER;
        end = d->together_to;
    }
    return (double)size->fates.left[place] / (end - now - life < 1 ? 1 : end - now - life);
}

static size_t draw_fate(struct drawn *d, struct size *size) {
    double sum = 0, draw;
    size_t last = 0;
    if (!size->fates.total) fill_fates(d, size);
    for (size_t i = 0; i < size->fates.n; i++) {
        if (size->fates.left[i]) sum += urgency(d, size, i);
    }
    draw = sum * mk_rng_unit(&d->out->rng);
    for (size_t i = 0; i < size->fates.n && draw >= 0; i++) {
        if (!size->fates.left[i]) continue;
        draw -= urgency(d, size, i);
        last = i;
    }
    size->fates.left[last]--;
    size->fates.total--;
    return last;
}

/* A whole number that is `value` on average. */
static uint64_t near(struct mk_rng *rng, double value) {
    return (uint64_t)floor(value + mk_rng_unit(rng));
}

/* Of a class: around its mean, as far as powers of two on either side allow. */
static uint64_t draw_life(struct mk_rng *rng, const struct size *size, size_t place) {
    double mean = mean_life(size, place), low, high, spread;
    int exponent;
    if (size->of->pareto_alpha > 0) {
        double life = mean * pow(1 - mk_rng_unit(rng), -1 / size->of->pareto_alpha);
        return life < 0x1p48 ? near(rng, life) : UINT64_C(1) << 48;
    }
    if (mean < 1) return near(rng, mean);
    frexp(mean, &exponent);
    low = ldexp(1, exponent - 1);
    high = 2 * low - 1;
    spread = mean - low < high - mean ? mean - low : high - mean;
    return near(rng, mean + (spread > 0 ? spread : 0) * (2 * mk_rng_unit(rng) - 1));
}

/* ---- who frees it ---------------------------------------------------------------------------------- */

static bool can_free(const struct drawn *d, uint32_t thread, uint32_t owner, uint64_t due) {
    const struct thread *t = &d->thread[thread];
    return thread != owner && !t->ended && t->begins <= due && due <= t->ends;
}

/* Returns a thread that frees a block of another one when it is due, or the owner: none is found, of some that are
 * drawn and some that follow each other. */
static uint32_t draw_freer(struct drawn *d, uint32_t owner, uint64_t due) {
    double all = d->takes_up_to[d->threads - 1];
    uint32_t first;
    for (unsigned i = 0; i < TRIES && all > 0; i++) {
        double draw = all * mk_rng_unit(&d->out->rng);
        uint32_t low = 0, high = d->threads - 1;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (d->takes_up_to[middle] > draw) high = middle;
            else low = middle + 1;
        }
        if (can_free(d, low, owner, due)) return low;
    }
    first = (uint32_t)mk_rng_below(&d->out->rng, d->threads);
    for (uint32_t i = 0; i < d->threads && i < LOOKS; i++) {
        uint32_t thread = (first + i) % d->threads;
        if (d->thread[thread].takes > 0 && can_free(d, thread, owner, due)) return thread;
    }
    for (uint32_t i = 0; i < d->live_n && i < LOOKS; i++) {
        if (can_free(d, d->live[i], owner, d->out->clock)) return d->live[i];
    }
    return owner;
}

/* ---- what is due ------------------------------------------------------------------------------------ */

static bool is_before(const struct object *a, const struct object *b) {
    return a->due < b->due || (a->due == b->due && a->number < b->number);
}

static void push(struct drawn *d, const struct object *object) {
    mk_grow(&d->heap, &d->heap_n, sizeof *d->heap);
    size_t i = d->heap_n - 1;
    for (; i && is_before(object, &d->heap[(i - 1) / 2]); i = (i - 1) / 2) d->heap[i] = d->heap[(i - 1) / 2];
    d->heap[i] = *object;
}

static struct object pop(struct drawn *d) {
    struct object top = d->heap[0], last = d->heap[--d->heap_n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < d->heap_n; i = child) {
        if (child + 1 < d->heap_n && is_before(&d->heap[child + 1], &d->heap[child])) child++;
        if (!is_before(&d->heap[child], &last)) break;
        d->heap[i] = d->heap[child];
    }
    if (d->heap_n) d->heap[i] = last;
    return top;
}

/* Decides what becomes of a block that its owner is about to get at the next tick. */
static struct object decide(struct drawn *d, uint32_t owner, size_t number, uint64_t than) {
    struct size *size = &d->size[number];
    size_t place = draw_fate(d, size), classes = 3 * size->classes;
    uint64_t life = place < classes ? draw_life(&d->out->rng, size, place) : 0, ends = d->thread[owner].ends;
    struct object object = {.number = d->numbers++, .size = (uint32_t)number, .freer = owner};
    object.fate = (uint8_t)(place < classes ? place % 3 : place == classes ? AT_END : KEPT);
    object.due = object.fate == KEPT ? FOREVER : object.fate == AT_END ? END : d->out->clock + 1 + life;
    if (object.due > END && object.fate != KEPT) object.due = END;
    if (object.fate == CROSSED) {
        object.freer = draw_freer(d, owner, object.due < d->expected ? object.due : d->expected);
        ends = d->thread[object.freer].ends;
        if (object.due < d->thread[object.freer].begins) object.due = d->thread[object.freer].begins;
        if (object.freer == owner) object.fate = FREED;
    }
    if (object.fate != KEPT && object.due > ends) object.due = ends;
    object.block.owner = owner;
    object.block.crosses = object.fate == CROSSED;
    object.block.bytes = draw_bytes(&d->out->rng, size->of, than);
    return object;
}

static void begin(struct drawn *d, uint32_t thread) {
    if (d->thread[thread].begun) return;
    d->thread[thread].begun = true;
    d->live[d->live_n++] = thread;
    mk_profile_thread_starts(d->out, thread);
}

static void resize(struct drawn *d, const struct object *old) {
    const struct size *size = &d->size[old->size];
    const struct mk_profile_size *of = size->of;
    double draw = sum_of(of->resized_to_count, of->resized_to_count_n) * mk_rng_unit(&d->out->rng);
    size_t k = 0;
    while (k + 1 < of->resized_to_n && draw >= (double)of->resized_to_count[k])
        draw -= (double)of->resized_to_count[k++];
    size_t to = size->to[k];
    struct object object = decide(d, old->block.owner, to, to == old->size ? old->block.bytes : 0);
    mk_profile_resize(d->out, &old->block, &object.block);
    if (object.fate != KEPT) push(d, &object);
}

/* Frees and resizes what is due by now. A thread that ends resizes nothing more. */
static void work_off(struct drawn *d, uint64_t now) {
    while (d->heap_n && d->heap[0].due <= (now > d->out->clock ? now : d->out->clock) && !d->out->too_much) {
        struct object object = pop(d);
        begin(d, object.freer);
        if (object.fate == RESIZED && object.due < d->thread[object.freer].ends) resize(d, &object);
        else mk_profile_free(d->out, object.freer, &object.block);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------ */

static void open_threads(struct drawn *d, const struct mk_allocprofile *profile, double allocated) {
    static const struct mk_profile_threads one = {
        .threads = 1, .allocations = 1, .frees_of_others = 1, .ends_frac = 1};
    const struct mk_profile_threads *rows = profile->threads_n ? profile->threads : &one;
    size_t rows_n = profile->threads_n ? profile->threads_n : 1;
    double all = 0, expected = (double)d->expected;
    uint32_t n = 0;
    for (size_t r = 0; r < rows_n; r++) all += (double)rows[r].allocations;
    for (size_t r = 0; r < rows_n; r++) {
        const struct mk_profile_threads *row = &rows[r];
        double span = row->ends_frac - row->begins_frac, life = row->life_frac > 0 ? row->life_frac : span;
        if (life > span) life = span;
        for (uint32_t i = 0; i < row->threads; i++, n++) {
            struct thread *thread = &d->thread[n];
            double begins = row->begins_frac + (row->threads > 1 ? (span - life) * i / (row->threads - 1) : 0);
            thread->begins = (uint64_t)(begins * expected);
            thread->ends = begins + life > 1 - 1e-9 ? END : (uint64_t)((begins + life) * expected);
            thread->allocations = allocated * (double)row->allocations / all / row->threads;
            thread->allocates = row->allocations > 0;
            thread->takes = (double)row->frees_of_others / row->threads;
            d->takes_up_to[n] = (n ? d->takes_up_to[n - 1] : 0) + thread->takes;
        }
    }
}

static int by_begin(const void *a, const void *b) {
    const struct beginning *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->thread > y->thread) - (x->thread < y->thread);
}

static void sort_threads(struct drawn *d) {
    for (uint32_t i = 0; i < d->threads; i++) d->beginning[i] = (struct beginning){d->thread[i].begins, i};
    qsort(d->beginning, d->threads, sizeof *d->beginning, by_begin);
    d->beginning[0].at = 0; /* somebody must allocate */
}

static void find_together(struct drawn *d) {
    double last = 0;
    d->together_from = d->threads > 1 ? (double)d->beginning[1].at : NEVER;
    for (uint32_t i = 0; i < d->threads; i++) {
        double ends = (double)(d->thread[i].ends < d->expected ? d->thread[i].ends : d->expected);
        if (ends > last) {
            d->together_to = last;
            last = ends;
        } else if (ends > d->together_to) {
            d->together_to = ends;
        }
    }
}

static void begin_threads(struct drawn *d, uint64_t now) {
    for (; d->next < d->threads && d->beginning[d->next].at <= now; d->next++)
        begin(d, d->beginning[d->next].thread);
}

/* There is always one. */
static void end_threads(struct drawn *d) {
    for (uint32_t i = 0; i < d->live_n;) {
        struct thread *thread = &d->thread[d->live[i]];
        if (thread->ends > d->out->clock) {
            i++;
        } else if (d->live_n == 1 && d->next < d->threads) {
            begin_threads(d, d->beginning[d->next].at);
        } else if (d->live_n == 1) {
            thread->ends = END;
        } else {
            thread->ended = true;
            mk_profile_thread_exits(d->out, d->live[i]);
            d->live[i] = d->live[--d->live_n];
        }
    }
}

/* What a thread has still to allocate, in ratio to its time. */
static double haste(const struct drawn *d, uint32_t thread) {
    const struct thread *t = &d->thread[thread];
    uint64_t ends = t->ends < d->expected ? t->ends : d->expected, now = d->out->clock;
    if (!t->allocates) return 0;
    return (t->allocations > 1e-6 ? t->allocations : 1e-6) / (ends > now ? (double)(ends - now) : 1);
}

static uint32_t draw_thread(struct drawn *d) {
    double sum = 0, draw;
    if (d->live_n == 1) return d->live[0];
    for (uint32_t i = 0; i < d->live_n; i++) sum += haste(d, d->live[i]);
    draw = sum * mk_rng_unit(&d->out->rng);
    for (uint32_t i = 0; i < d->live_n && sum > 0; i++) {
        draw -= haste(d, d->live[i]);
        if (draw < 0) return d->live[i];
    }
    return d->live[mk_rng_below(&d->out->rng, d->live_n)];
}

/* ---- the run -------------------------------------------------------------------------------------------- */

static unsigned draw_code(struct mk_rng *rng, const struct mk_profile_size *of) {
    uint64_t draw = mk_rng_below(rng, of->count);
    return draw < of->zeroed ? MK_AT_CALLOC : draw < of->zeroed + of->aligned ? MK_AT_ALIGNED : MK_AT_MALLOC;
}

static void allocate(struct drawn *d, size_t number) {
    const struct mk_profile_size *of = d->size[number].of;
    uint32_t owner = draw_thread(d);
    struct object object = decide(d, owner, number, 0);
    mk_profile_allocate(d->out, &object.block, draw_code(&d->out->rng, of),
                        (uint8_t)__builtin_ctzll(of->align_bytes));
    d->thread[owner].allocations -= 1;
    if (object.fate != KEPT) push(d, &object);
}

/* Fills an urn with what is allocated in one stretch. rounding: a fraction by size, for the whole run. */
static void fill_stretch(const struct drawn *d, struct urn *urn, unsigned stretch, double scale,
                         const double *rounding) {
    urn->total = 0;
    for (size_t i = 0; i < d->sizes; i++) {
        const struct mk_profile_size *of = d->size[i].of;
        double all = (double)of->count * scale, from = (double)stretch / MK_PROFILE_STRETCHES,
               to = (double)(stretch + 1) / MK_PROFILE_STRETCHES;
        if (of->when_n && of->count) {
            double sum = sum_of(of->when, of->when_n);
            from = sum_of(of->when, stretch) / sum;
            to = sum_of(of->when, stretch + 1) / sum;
        }
        urn->left[i] = (uint64_t)(floor(all * to + rounding[i]) - floor(all * from + rounding[i]));
        urn->total += urn->left[i];
    }
}

static void step(struct drawn *d, struct urn *urn) {
    uint64_t draw;
    size_t i = 0;
    begin_threads(d, d->out->clock);
    work_off(d, d->out->clock);
    begin_threads(d, d->out->clock);
    end_threads(d);
    draw = mk_rng_below(&d->out->rng, urn->total);
    while (draw >= urn->left[i]) draw -= urn->left[i++];
    urn->left[i]--;
    urn->total--;
    allocate(d, i);
}

static void run(struct drawn *d, double scale) {
    struct urn urn = {.left = mk_need(d->sizes, sizeof *urn.left), .n = d->sizes};
    double *rounding = mk_need(d->sizes, sizeof *rounding);
    for (size_t i = 0; i < d->sizes; i++) rounding[i] = mk_rng_unit(&d->out->rng);
    for (unsigned stretch = 0; stretch < MK_PROFILE_STRETCHES && !d->out->too_much; stretch++) {
        fill_stretch(d, &urn, stretch, scale, rounding);
        while (urn.total && !d->out->too_much) step(d, &urn);
    }
    begin_threads(d, FOREVER);
    work_off(d, END);
    for (uint32_t i = 0; i < d->live_n; i++) mk_profile_thread_exits(d->out, d->live[i]);
    free(urn.left);
    free(rounding);
}

int mk_profile_make_drawn(struct mk_profile_out *out, const struct mk_allocprofile *profile, uint64_t events,
                          uint32_t threads, struct mk_err *err) {
    struct drawn d = {.out = out, .sizes = profile->sizes_n, .threads = threads};
    double allocated, counts = 0;
    uint64_t of_threads = 2 * (uint64_t)threads; /* each begins and ends once */
    d.size = mk_need(d.sizes, sizeof *d.size);
    d.thread = mk_need(threads, sizeof *d.thread);
    d.beginning = mk_need(threads, sizeof *d.beginning);
    d.live = mk_need(threads, sizeof *d.live);
    d.takes_up_to = mk_need(threads, sizeof *d.takes_up_to);
    for (size_t i = 0; i < d.sizes; i++) d.size[i].of = &profile->sizes[i];
    for (size_t i = 0; i < d.sizes; i++) {
        open_size(&d, &d.size[i]);
        counts += (double)profile->sizes[i].count;
    }
    int failed = expect(&d, events > 2 * of_threads ? events - of_threads : (events + 1) / 2, &allocated, err);
    if (!failed) {
        open_threads(&d, profile, allocated);
        sort_threads(&d);
        find_together(&d);
        run(&d, allocated / counts);
    }
    for (size_t i = 0; i < d.sizes; i++) {
        free(d.size[i].fates.left);
        free(d.size[i].to);
    }
    free(d.size);
    free(d.thread);
    free(d.beginning);
    free(d.live);
    free(d.takes_up_to);
    free(d.heap);
    return failed;
}
