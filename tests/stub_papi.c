/* stub_papi.c - a libpapi that counts what it is told to: for machines without a PMU.
 *
 * Built as a shared object and put in libpapi's place by LD_LIBRARY_PATH. The environment is its script:
 *   STUB_PAPI_EVENTS    "NAME=VALUE,NAME=VALUE": the events it knows. The k-th stop of an event set yields
 *                       VALUE * k, so that counts follow the work. VALUE 0 is an event that stays 0;
 *                       VALUE -N is one that is known and cannot be added: PAPI's error -N.
 *   STUB_PAPI_COUNTERS  how many events a set holds (default 4); more are a conflict
 *   STUB_PAPI_DISABLED  the reason why its perf_event component is disabled
 *   STUB_PAPI_INIT      what PAPI_library_init returns (default: success)
 *   STUB_PAPI_STOP      what PAPI_stop returns (default: success)
 *
 * It is as strict as the real one is lax: a set is used by the thread that made it and by no other,
 * threads are registered before they make one, sets are emptied before they are destroyed. Whoever does
 * otherwise gets PAPI_EBUG, and stub_papi_complaints() counts it.
 */
#if MK_WITH_PAPI
#include <papi.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_MAX 32
#define SETS_MAX 64
#define PER_SET_MAX 16

struct event {
    char name[PAPI_MIN_STR_LEN * 2];
    long long value;
};

struct set {
    int used, running;
    pid_t owner;
    int events[PER_SET_MAX], events_n;
    long long stops;
};

static struct event events[EVENTS_MAX];
static int events_n;
static struct set sets[SETS_MAX];
static int complaints;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int registered;

/* Returns how often the library was used in a way PAPI forbids, and how many sets are still open. */
int stub_papi_complaints(void);
int stub_papi_open_sets(void);

int stub_papi_complaints(void) { return complaints; }

int stub_papi_open_sets(void) {
    int n = 0;
    for (int i = 0; i < SETS_MAX; i++) n += sets[i].used;
    return n;
}

static int number(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    return text ? atoi(text) : otherwise;
}

static int complain(void) {
    complaints++;
    return PAPI_EBUG;
}

static int leave(int result) {
    pthread_mutex_unlock(&lock);
    return result;
}

/* Returns the calling thread's own set, or NULL after a complaint. Called with the lock held. */
static struct set *own(int index) {
    if (index >= 0 && index < SETS_MAX && sets[index].used && sets[index].owner == gettid()) return &sets[index];
    complain();
    return NULL;
}

int PAPI_library_init(int version) {
    const char *script = getenv("STUB_PAPI_EVENTS");
    char text[4096], *save = NULL;
    strncpy(text, script ? script : "", sizeof text - 1);
    text[sizeof text - 1] = '\0';
    events_n = 0;
    for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        char *equals = strrchr(item, '=');
        if (!equals || events_n == EVENTS_MAX) abort();
        *equals = '\0';
        strncpy(events[events_n].name, item, sizeof events->name - 1);
        events[events_n++].value = atoll(equals + 1);
    }
    return number("STUB_PAPI_INIT", version);
}

int PAPI_thread_init(unsigned long (*id)(void)) { return id() == (unsigned long)gettid() ? PAPI_OK : complain(); }

int PAPI_get_component_index(const char *name) { return strcmp(name, "perf_event") == 0 ? 0 : PAPI_ENOCMP; }

const PAPI_component_info_t *PAPI_get_component_info(int index) {
    static PAPI_component_info_t info;
    const char *reason = getenv("STUB_PAPI_DISABLED");
    if (index != 0) return NULL;
    info.disabled = reason ? PAPI_ECMP : 0;
    strncpy(info.disabled_reason, reason ? reason : "", sizeof info.disabled_reason - 1);
    return &info;
}

int PAPI_event_name_to_code(const char *name, int *code) {
    for (int i = 0; i < events_n; i++) {
        if (strcmp(events[i].name, name) != 0) continue;
        *code = i;
        return PAPI_OK;
    }
    return PAPI_ENOEVNT;
}

/* Presets consist of two native events, so that derived ones are seen. */
int PAPI_get_event_info(int code, PAPI_event_info_t *info) {
    memset(info, 0, sizeof *info);
    if (code < 0 || code >= events_n) return PAPI_ENOEVNT;
    strncpy(info->symbol, events[code].name, sizeof info->symbol - 1);
    if (strncmp(events[code].name, "PAPI_", 5) != 0) return PAPI_OK;
    info->count = 2;
    strcpy(info->derived, "DERIVED_ADD");
    strcpy(info->name[0], "STUB:ONE");
    strcpy(info->name[1], "STUB:TWO");
    return PAPI_OK;
}

char *PAPI_strerror(int code) {
    static char text[] = "an error from the stub";
    (void)code;
    return text;
}

int PAPI_register_thread(void) {
    registered = 1;
    return PAPI_OK;
}

int PAPI_unregister_thread(void) {
    pthread_mutex_lock(&lock);
    int left_open = 0;
    for (int i = 0; i < SETS_MAX; i++) left_open |= sets[i].used && sets[i].owner == gettid();
    if (!registered || left_open) return leave(complain());
    registered = 0;
    return leave(PAPI_OK);
}

int PAPI_create_eventset(int *index) {
    pthread_mutex_lock(&lock);
    if (!registered || *index != PAPI_NULL) return leave(complain());
    for (int i = 0; i < SETS_MAX; i++) {
        if (sets[i].used) continue;
        sets[i] = (struct set){.used = 1, .owner = gettid()};
        *index = i;
        return leave(PAPI_OK);
    }
    return leave(PAPI_ENOMEM);
}

int PAPI_add_event(int index, int code) {
    pthread_mutex_lock(&lock);
    struct set *set = own(index);
    if (!set) return leave(PAPI_EBUG);
    if (code < 0 || code >= events_n) return leave(PAPI_ENOEVNT);
    if (events[code].value < 0) return leave((int)events[code].value);
    if (set->events_n >= number("STUB_PAPI_COUNTERS", 4)) return leave(PAPI_ECNFLCT);
    set->events[set->events_n++] = code;
    return leave(PAPI_OK);
}

int PAPI_start(int index) {
    pthread_mutex_lock(&lock);
    struct set *set = own(index);
    if (!set || set->running || !set->events_n) return leave(set ? complain() : PAPI_EBUG);
    set->running = 1;
    return leave(PAPI_OK);
}

int PAPI_stop(int index, long long *values) {
    pthread_mutex_lock(&lock);
    struct set *set = own(index);
    if (!set || !set->running) return leave(set ? complain() : PAPI_EBUG);
    set->running = 0;
    set->stops++;
    for (int i = 0; i < set->events_n; i++) values[i] = events[set->events[i]].value * set->stops;
    return leave(number("STUB_PAPI_STOP", PAPI_OK));
}

int PAPI_cleanup_eventset(int index) {
    pthread_mutex_lock(&lock);
    struct set *set = own(index);
    if (!set || set->running) return leave(set ? complain() : PAPI_EBUG);
    set->events_n = 0;
    return leave(PAPI_OK);
}

int PAPI_destroy_eventset(int *index) {
    pthread_mutex_lock(&lock);
    struct set *set = own(*index);
    if (!set || set->events_n) return leave(set ? complain() : PAPI_EBUG);
    set->used = 0;
    *index = PAPI_NULL;
    return leave(PAPI_OK);
}
#endif
