/* counter.h - events per thread: misses, instructions, cycles, page faults, context switches.
 *
 * A counter is asked for by a logical name. Opening a plan finds, for each name, a backend and a
 * native event that provably count here (counter_events.c says which to try, in which order), or the
 * reason why there is none. Hardware events that do not fit the PMU together are put into several
 * groups, and a round counts one group: round r counts group r % groups. Nothing is multiplexed.
 *
 * Hardware is counted in user mode, by the thread itself, between start and stop. A number that could
 * not be had is a reason, never 0.
 */
#ifndef MK_COUNTER_H
#define MK_COUNTER_H

#include "../impl/mk.h"

#define MK_COUNTERS_MAX 16

/* ---- logical names ------------------------------------------------------------------------ */

enum mk_counter_id {
    MK_COUNT_L1D_MISS,
    MK_COUNT_L2_MISS,
    MK_COUNT_LLC_MISS,
    MK_COUNT_DTLB_MISS,
    MK_COUNT_INSTRUCTIONS,
    MK_COUNT_CYCLES,
    MK_COUNT_PAGE_FAULTS,
    MK_COUNT_CTX_SWITCHES,
    MK_COUNT_IDS
};

struct mk_counter_name {
    const char *name;
    bool software; /* kept by the kernel, needs no PMU */
    bool certain;  /* any millisecond of the self-test's work must count some */
    const char *help;
};
extern const struct mk_counter_name mk_counter_names[MK_COUNT_IDS]; /* by id */

/* ---- backends ----------------------------------------------------------------------------- */

/* Why something is not to be had, and what to do about it. Whole sentences' worth, no full stop. */
struct mk_counter_lack {
    char why[320];
    char remedy[256];
};

/* Fills in a lack; the format is the why. Returns -1, as mk_fail does. */
int mk_counter_lacks(struct mk_counter_lack *lack, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Events that one thread counts together. Used by that thread alone. */
struct mk_counter_set {
    uint32_t n;
    int handle[MK_COUNTERS_MAX];         /* the backend's: descriptors, an event set */
    uint64_t base[MK_COUNTERS_MAX + 2];  /* the backend's: readings at start */
};

/* One way to count. Functions returning int return 0, or -1 with the lack (or err) set. */
struct mk_counter_backend {
    const char *name;
    /* Makes it ready in this process; asked once, in the thread that opens the plan. */
    int (*ready)(struct mk_counter_lack *lack);
    /* Writes what an event of the table really is here, as results name it. */
    int (*resolve)(const char *opens, char *event, size_t room, struct mk_counter_lack *lack);
    /* Opens n events together for the calling thread: all of them or none. */
    int (*open)(struct mk_counter_set *set, const char *const *opens, uint32_t n, struct mk_counter_lack *lack);
    int (*start)(struct mk_counter_set *set);
    /* Values in the order of open. -1: not counted all the time, no value is to be used. */
    int (*stop)(struct mk_counter_set *set, uint64_t *values);
    void (*close)(struct mk_counter_set *set);
};
extern const struct mk_counter_backend mk_counter_papi, mk_counter_perf, mk_counter_sw;

/* What the explanations depend on. */
struct mk_counter_host {
    bool virtual_machine, container;
    int paranoid; /* kernel.perf_event_paranoid; INT_MIN = unknown */
};

/* Opens and closes one plain hardware event. Returns 0, or the errno of perf_event_open. */
int mk_counter_perf_probe(void);

/* Puts the errno of perf_event_open into words: no PMU, not permitted, no perf at all. */
void mk_counter_explain(int error, const struct mk_counter_host *host, struct mk_counter_lack *lack);

/* Reads the host's facts of this machine. */
void mk_counter_host(struct mk_counter_host *host);

/* ---- plan --------------------------------------------------------------------------------- */

#define MK_COUNTER_EVERY_GROUP UINT32_MAX

struct mk_counter {
    enum mk_counter_id id;
    const char *name;                         /* logical */
    const struct mk_counter_backend *backend; /* NULL: unavailable, see reason */
    const char *opens;                        /* the table's event */
    char event[256];                          /* what was resolved, for the result */
    uint32_t group;                           /* MK_COUNTER_EVERY_GROUP: whatever the round */
    char reason[768];                         /* why there is no backend; "" otherwise */
};

/* Read-only once open; shared by all threads. */
struct mk_counter_plan {
    uint32_t count;
    uint32_t groups; /* at least 1 */
    struct mk_counter counter[MK_COUNTERS_MAX]; /* in the order asked for */
    struct mk_counter_lack lack; /* of the first unavailable one, for people; "" when all are there */
};

/* Returns 0 when `choice` is auto, papi, perf, sw or none; else -1 with err set. */
int mk_counter_check_choice(const char *choice, struct mk_err *err);

/* Finds out what can be counted here, once per process, before its threads exist. `choice` is whom
 * to ask for hardware events: auto (papi, then perf), one of them alone, sw (none of them) or none
 * (count nothing). Returns 0 (unavailable counters carry their reason), or -1 with err set: unknown
 * name or choice, a name twice, too many names. Takes about a millisecond per hardware event. */
int mk_counter_open(struct mk_counter_plan *plan, const char *const *names, uint32_t n, const char *choice,
                    struct mk_err *err);

/* As mk_counter_open with other hardware backends, tried in this order: for tests. */
int mk_counter_open_with(struct mk_counter_plan *plan, const char *const *names, uint32_t n,
                         const struct mk_counter_backend *const *backends, uint32_t backends_n,
                         struct mk_err *err);

/* ---- counting ----------------------------------------------------------------------------- */

enum mk_counter_state {
    MK_COUNTER_COUNTED,
    MK_COUNTER_OTHER_GROUP, /* not this round's turn */
    MK_COUNTER_LOST,        /* its turn, but something else held the PMU, or opening failed */
    MK_COUNTER_UNAVAILABLE  /* see the plan's reason */
};

struct mk_counter_value {
    uint64_t value; /* 0 unless COUNTED */
    enum mk_counter_state state;
};

/* One thread's open counters. Caller's storage, used by that thread alone. */
struct mk_counter_thread {
    const struct mk_counter_plan *plan;
    uint32_t group;
    const struct mk_counter_backend *hardware; /* of this group; NULL = none open */
    struct mk_counter_set set, software;
    bool running;
};

/* Opens the plan's counters of one group (< plan->groups) for the calling thread. Returns 0, or -1
 * with err set when the hardware would not open: the software counters work all the same, the
 * hardware ones come back LOST. To be closed in both cases. */
int mk_counter_thread_open(const struct mk_counter_plan *plan, uint32_t group, struct mk_counter_thread *thread,
                           struct mk_err *err);

/* Begin and end of the measured part, once each per round (2 to 10 us a pair): never per operation.
 * stop writes plan->count values. Can be repeated. */
void mk_counter_thread_start(struct mk_counter_thread *thread);
void mk_counter_thread_stop(struct mk_counter_thread *thread, struct mk_counter_value *values);

void mk_counter_thread_close(struct mk_counter_thread *thread);

#endif
