/* stamp.c - see stamp.h.
 *
 * The offset of a PU's clock from that of the first one lies between two bounds that messages give: one that was
 * sent at s by one clock and had come at r by the other says that the other is ahead by no more than r - s, since
 * no message comes before it is sent. Many are sent both ways, and the tightest bounds count. They are right
 * however busy the machine is; it takes one message each way that was fast to make them narrow.
 */
#include "stamp.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "../../impl/order.h"
#include "../clock.h"

#define PUS_MAX 65            /* that are compared: the first, and 64 spread over the others */
#define MESSAGES 100          /* each way, at least, where nobody is in the way */
#define PU_NS 100000000u      /* for one PU, at most */
#define ALL_NS 500000000u     /* for all of them */
#define SLACK_MAX_NS 10000u   /* a clock that is off by more orders nothing worth knowing */

/* ---- what the machine says of itself --------------------------------------------------------- */

#if defined(__x86_64__)
/* Puts the first line of the file that begins so into `line`, or nothing. */
static void read_line(const char *path, const char *begins, char *line, int room) {
    FILE *in = fopen(path, "r");
    bool found = false;
    while (in && !found && fgets(line, room, in)) found = strncmp(line, begins, strlen(begins)) == 0;
    if (!found) line[0] = '\0';
    if (in) fclose(in);
}

static const char *distrust(void) {
    char line[8192];
    read_line("/proc/cpuinfo", "flags", line, sizeof line);
    if (!strstr(line, " constant_tsc")) return "the CPU does not say that its time stamp counter keeps its rate";
    if (!strstr(line, " nonstop_tsc")) return "the CPU does not say that its time stamp counter never stops";
    read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "", line, sizeof line);
    if (strcmp(line, "tsc\n") != 0) return "the kernel does not take its time from the time stamp counter";
    return NULL;
}
#elif defined(__aarch64__)
static const char *distrust(void) {
    return NULL; /* the architecture has one counter for all */
}
#else
static const char *distrust(void) {
    return "no counter of this CPU is known";
}
#endif

/* ---- two PUs compared ------------------------------------------------------------------------ */

/* A time that one thread sends to another, never the same twice. */
struct message {
    _Atomic(uint64_t) at MK_ALIGNED(MK_CACHE_LINE);
};
#define STOP UINT64_MAX

struct pair {
    struct mk_stamps *stamps;
    struct message there, back;
    pthread_t thread;
};

/* Waits for another message than the last one. Returns it, or 0 when the time is over (0 = never). */
static uint64_t receive(struct message *message, uint64_t last, uint64_t until_ns) {
    for (unsigned spins = 1;; spins++) {
        uint64_t at = atomic_load_explicit(&message->at, memory_order_acquire);
        if (at != last) return at;
        if (spins % 256) {
            mk_pause();
        } else if (until_ns && mk_wall_ns() > until_ns) {
            return 0;
        } else {
            sched_yield();
        }
    }
}

static void *answer_messages(void *arg) {
    struct pair *pair = arg;
    for (uint64_t last = 0; (last = receive(&pair->there, last, 0)) != STOP;) {
        atomic_store_explicit(&pair->back.at, mk_stamp(pair->stamps), memory_order_release);
    }
    return NULL;
}

static int start_on(int pu, struct pair *pair) {
    pthread_attr_t attr;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(pu, &set);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    int failed = pthread_create(&pair->thread, &attr, answer_messages, pair);
    pthread_attr_destroy(&attr);
    return failed;
}

/* How far the clock of a PU is ahead of that of the first one, at least and at most. */
struct offset {
    int64_t least, most;
};

/* How long some time is by both clocks. */
struct span {
    uint64_t ns, ticks;
};

static bool is_small(uint64_t ticks, const struct span *span) {
    return (double)ticks * (double)span->ns <= (double)SLACK_MAX_NS * (double)span->ticks;
}

static bool is_narrow(const struct offset *offset, const struct span *span) {
    return is_small((uint64_t)offset->most - (uint64_t)offset->least, span);
}

/* Compares a PU with the one that it is called on. Returns 0, or -1 if there was no time for it. */
static int compare(struct mk_stamps *stamps, int pu, uint64_t until_ns, struct offset *offset, struct span *span) {
    struct pair pair = {.stamps = stamps};
    uint64_t begun_ns = mk_wall_ns(), begun = mk_stamp(stamps), sent, back = 0;
    if (until_ns > begun_ns + PU_NS) until_ns = begun_ns + PU_NS;
    *offset = (struct offset){INT64_MIN, INT64_MAX};
    if (start_on(pu, &pair)) return -1;
    for (unsigned i = 0; i < MESSAGES || !is_narrow(offset, span); i++) {
        sent = mk_stamp(stamps);
        atomic_store_explicit(&pair.there.at, sent, memory_order_release);
        back = receive(&pair.back, back, until_ns);
        if (!back) break;
        uint64_t now = mk_stamp(stamps);
        *span = (struct span){mk_wall_ns() - begun_ns, now - begun};
        if ((int64_t)(back - sent) < offset->most) offset->most = (int64_t)(back - sent);
        if ((int64_t)(back - now) > offset->least) offset->least = (int64_t)(back - now);
    }
    atomic_store_explicit(&pair.there.at, STOP, memory_order_release);
    pthread_join(pair.thread, NULL);
    return offset->least != INT64_MIN && is_narrow(offset, span) ? 0 : -1;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Lists the first PU and as many of the others as PUS_MAX allows, evenly spread. Returns how many. */
static int list_pus(const cpu_set_t *home, int *list) {
    int all = CPU_COUNT(home), n = all < PUS_MAX ? all : PUS_MAX, seen = 0, listed = 0;
    for (int pu = 0; pu < CPU_SETSIZE && listed < n; pu++) {
        if (!CPU_ISSET(pu, home)) continue;
        if (seen++ == (int)((int64_t)listed * all / n)) list[listed++] = pu;
    }
    return listed;
}

/* Returns by how much any two may differ. */
static uint64_t slack_of(const struct offset *offsets, int n) {
    int64_t slack = 0;
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            if (a != b && offsets[a].most - offsets[b].least > slack) slack = offsets[a].most - offsets[b].least;
        }
    }
    return (uint64_t)slack;
}

/* Fills in the slack. Returns NULL, or why that could not be done. */
static const char *measure(struct mk_stamps *stamps) {
    struct offset offsets[PUS_MAX] = {{0, 0}};
    struct span span = {0};
    cpu_set_t home, first;
    int pus[PUS_MAX];
    uint64_t until_ns = mk_wall_ns() + ALL_NS;
    if (sched_getaffinity(0, sizeof home, &home)) return "the PUs of this process cannot be told";
    int n = list_pus(&home, pus);
    CPU_ZERO(&first);
    CPU_SET(pus[0], &first);
    if (sched_setaffinity(0, sizeof first, &first)) return "threads cannot be put onto PUs";
    bool failed = false;
    for (int i = 1; i < n && !failed; i++) failed = compare(stamps, pus[i], until_ns, &offsets[i], &span) != 0;
    sched_setaffinity(0, sizeof home, &home);
    if (failed) return "the clocks of two PUs could not be compared closely enough";
    stamps->slack = slack_of(offsets, n);
    return is_small(stamps->slack, &span) ? NULL : "the clocks of two PUs are too far apart";
}

/* ---- once a process -------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct mk_stamps found;

static void look(void) {
    found.why = distrust();
    if (!found.why) found.why = measure(&found);
}

void mk_stamps_open(struct mk_stamps *stamps, bool logical) {
    if (!logical) pthread_once(&once, look);
    memset(stamps, 0, sizeof *stamps);
    stamps->why = logical ? "the shared counter was asked for" : found.why;
    stamps->logical = stamps->why != NULL;
    stamps->slack = stamps->logical ? 0 : found.slack;
}
