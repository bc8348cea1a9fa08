/* cmd_trace_profile.c - `trace profile` and `trace generate`: from a trace of allocations to a profile, and back to
 * a trace that is like it. */
#include <inttypes.h>
#include <stdlib.h>

#include "allocprofile.h"
#include "commands.h"

static int fail(const char *path, const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench trace: %s: %s\n", path, err->text);
    return status;
}

static void say_missing(const char *path, const struct mk_alloctrace_tally *tally) {
    struct mk_text said = {0};
    if (!mk_alloctrace_lacks(tally)) return;
    mk_alloctrace_tell(tally, &said);
    fprintf(stderr, "memkit-bench trace: %s: something is missing from it, and so from the profile:\n%s", path,
            said.at);
    mk_text_free(&said);
}

int mk_trace_profile(const char *path, const char *to) {
    struct mk_alloctrace trace;
    struct mk_allocprofile profile = {0};
    struct mk_text text = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (!mk_alloctrace_is(path)) {
        mk_fail(&err, "is no trace of allocations, or cannot be read: `memkit-bench record` makes one");
        return fail(path, &err, MK_EXIT_USAGE);
    }
    if (mk_alloctrace_open(&trace, path, false, &err) || mk_allocprofile_fit(&trace, &profile, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else {
        say_missing(path, &trace.info.tally);
        mk_allocprofile_write(&profile, &text);
        if (mk_text_save(&text, to ? to : "-", &err))
            status = fail(to ? to : "standard output", &err, MK_EXIT_USAGE);
    }
    mk_text_free(&text);
    mk_allocprofile_free(&profile);
    mk_alloctrace_close(&trace);
    return status;
}

static void put_bytes(struct mk_text *out, uint64_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    double value = (double)bytes;
    unsigned unit = 0;
    for (; value >= 1024 && unit < 3; unit++) value /= 1024;
    mk_text_printf(out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* What was made, beside what the profile was fitted to. */
static void tell(const char *to, const struct mk_allocprofile *profile, const struct mk_allocprofile_made *made) {
    struct mk_text text = {0};
    mk_text_printf(&text, "%s: %" PRIu64 " events of %u thread%s, at most ", to, made->events, made->threads,
                   made->threads == 1 ? "" : "s");
    put_bytes(&text, made->peak_live_bytes);
    mk_text_printf(&text, " live, in at most %" PRIu64 " blocks\n", made->peak_live_blocks);
    if (profile->fitted.events) {
        mk_text_printf(&text, "fitted to: %" PRIu64 " events, at most ", profile->fitted.events);
        put_bytes(&text, profile->fitted.peak_live_bytes);
        mk_text_printf(&text, " live, in at most %" PRIu64 " blocks\n", profile->fitted.peak_live_blocks);
    }
    fputs(text.at, stderr);
    mk_text_free(&text);
}

int mk_trace_generate(const char *path, const char *to, uint64_t seed, uint64_t events) {
    struct mk_allocprofile profile;
    struct mk_allocprofile_made made;
    struct mk_text said = {0}, trace = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (mk_allocprofile_read(path, &profile, &said)) {
        fputs(said.at, stderr);
        mk_text_free(&said);
        return MK_EXIT_USAGE;
    }
    if (mk_allocprofile_bytes(&profile, seed, events, &trace.at, &trace.n, &made, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else if (mk_text_save(&trace, to, &err)) {
        status = fail(to, &err, MK_EXIT_USAGE);
    } else {
        tell(to, &profile, &made);
    }
    free(trace.at);
    mk_allocprofile_free(&profile);
    return status;
}
