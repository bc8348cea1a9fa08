/* counter_papi.c - PAPI behind the backend interface; without MK_WITH_PAPI a backend that says so.
 *
 * PAPI's answers are ambiguous: "no such event" is what it says when a virtual machine has no PMU, and
 * a CPU newer than its libpfm turns the whole component off. So every failure is asked again of the
 * kernel (mk_counter_perf_probe), and the kernel's answer is what people get to read.
 */
#include "counter.h"

#if !MK_WITH_PAPI

static int ready(struct mk_counter_lack *lack) {
    return mk_counter_lacks(lack, "install libpapi-dev and build again, or use perf",
                            "this program was built without PAPI");
}

const struct mk_counter_backend mk_counter_papi = {.name = "papi", .ready = ready};

#else

#include <errno.h>
#include <papi.h>
#include <unistd.h>

/* PAPI wants this type; a cast of gettid itself would be undefined. */
static unsigned long thread_id(void) { return (unsigned long)gettid(); }

static int lack_of_component(const char *reason, struct mk_counter_lack *lack) {
    struct mk_counter_host host;
    if (strstr(reason, "paranoid")) {
        mk_counter_host(&host);
        mk_counter_explain(EACCES, &host, lack);
        return -1;
    }
    if (strstr(reason, "no default PMU found"))
        return mk_counter_lacks(lack, "install a newer PAPI with its libpfm, or use perf",
                                "its libpfm does not know this CPU");
    return mk_counter_lacks(lack, "see papi_component_avail, or use perf",
                            "PAPI's perf_event component is off (%.200s)", reason);
}

static const PAPI_component_info_t *component(void) {
    int index = PAPI_get_component_index("perf_event");
    return index < 0 ? NULL : PAPI_get_component_info(index);
}

static int ready(struct mk_counter_lack *lack) {
    if (PAPI_library_init(PAPI_VER_CURRENT) != PAPI_VER_CURRENT)
        return mk_counter_lacks(lack, "build again, or use perf",
                                "the PAPI library is another version than the one this program was built with");
    if (PAPI_thread_init(thread_id) != PAPI_OK)
        return mk_counter_lacks(lack, "use perf", "PAPI cannot work with threads here");
    const PAPI_component_info_t *perf_event = component();
    if (!perf_event) return mk_counter_lacks(lack, "use perf", "this PAPI has no perf_event component");
    return perf_event->disabled ? lack_of_component(perf_event->disabled_reason, lack) : 0;
}

/* What a failed PAPI_add_event means. */
static int lack_of_event(int code, const char *opens, struct mk_counter_lack *lack) {
    if (code == PAPI_ECNFLCT || code == PAPI_ECOUNT)
        return mk_counter_lacks(lack, "ask for fewer", "more events than the PMU counts at once");
    int error = code == PAPI_EPERM ? EACCES : mk_counter_perf_probe();
    if (error) {
        struct mk_counter_host host;
        mk_counter_host(&host);
        mk_counter_explain(error, &host, lack);
        return -1;
    }
    return mk_counter_lacks(lack, "use perf, or leave it out", "PAPI cannot count %.120s (%.100s)", opens,
                            PAPI_strerror(code));
}

static int resolve(const char *opens, char *event, size_t room, struct mk_counter_lack *lack) {
    PAPI_event_info_t info;
    int code = 0;
    bool known = PAPI_event_name_to_code(opens, &code) == PAPI_OK;
    bool preset = known && strncmp(opens, "PAPI_", 5) == 0;
    if (!known || (preset && (PAPI_get_event_info(code, &info) != PAPI_OK || info.count == 0)))
        return mk_counter_lacks(lack, "use perf, or leave it out", "PAPI knows no %.120s on this CPU", opens);
    size_t used = (size_t)snprintf(event, room, "%s", opens);
    for (unsigned i = 0; preset && i < info.count && used < room; i++)
        used += (size_t)snprintf(event + used, room - used, "%s%s", i ? ", " : " = ", info.name[i]);
    if (preset && info.count > 1 && used < room) snprintf(event + used, room - used, " (%s)", info.derived);
    return 0;
}

static void close_set(struct mk_counter_set *set) {
    if (set->handle[0] != PAPI_NULL) {
        PAPI_cleanup_eventset(set->handle[0]);
        PAPI_destroy_eventset(&set->handle[0]);
    }
    if (gettid() != getpid()) PAPI_unregister_thread(); /* the main thread is PAPI's own */
}

static int open_set(struct mk_counter_set *set, const char *const *opens, uint32_t n,
                    struct mk_counter_lack *lack) {
    int failed = PAPI_register_thread(), code;
    set->n = n;
    set->handle[0] = PAPI_NULL;
    if (failed == PAPI_OK) failed = PAPI_create_eventset(&set->handle[0]);
    for (uint32_t i = 0; i < n && failed == PAPI_OK; i++) {
        failed = PAPI_event_name_to_code(opens[i], &code);
        if (failed == PAPI_OK) failed = PAPI_add_event(set->handle[0], code);
        if (failed != PAPI_OK) lack_of_event(failed, opens[i], lack);
    }
    if (failed == PAPI_OK) return 0;
    if (set->handle[0] == PAPI_NULL) mk_counter_lacks(lack, "use perf", "PAPI cannot make an event set");
    close_set(set);
    return -1;
}

static int start(struct mk_counter_set *set) { return PAPI_start(set->handle[0]) == PAPI_OK ? 0 : -1; }

static int stop(struct mk_counter_set *set, uint64_t *values) {
    long long readings[MK_COUNTERS_MAX];
    if (PAPI_stop(set->handle[0], readings) != PAPI_OK) return -1;
    for (uint32_t i = 0; i < set->n; i++) values[i] = (uint64_t)readings[i];
    return 0;
}

const struct mk_counter_backend mk_counter_papi = {"papi", ready, resolve, open_set, start, stop, close_set};

#endif
