/* commands.h - the subcommands. Each takes its own name as argv[0] and returns the exit status. */
#ifndef MK_COMMANDS_H
#define MK_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses (docs/guide.md): several causes give the first of 128+n, 2, 4, 6, 3, 1, 5. */
enum mk_exit {
    MK_EXIT_FINE = 0,
    MK_EXIT_REGRESSION = 1,
    MK_EXIT_USAGE = 2,
    MK_EXIT_UNMEASURED = 3,
    MK_EXIT_FAULT = 4,
    MK_EXIT_INCONCLUSIVE = 5,
    MK_EXIT_BROKEN = 6
};

int mk_cmd_run(int argc, char **argv);
int mk_cmd_plan(int argc, char **argv);
int mk_cmd_stress(int argc, char **argv);
int mk_cmd_validate(int argc, char **argv);
int mk_cmd_orders(int argc, char **argv);
int mk_cmd_list(int argc, char **argv);
int mk_cmd_merge(int argc, char **argv);
int mk_cmd_trace(int argc, char **argv);
int mk_cmd_record(int argc, char **argv);
int mk_cmd_doctor(int argc, char **argv);
int mk_cmd_model_build(int argc, char **argv);

/* Parts of `trace`, for traces of allocations. repair: where the repaired copy goes, NULL: nowhere. */
int mk_trace_info_of_allocations(const char *path, bool json, bool partial);
int mk_trace_verify_allocations(const char *path, const char *repair);
int mk_trace_export_allocations(const char *path, const char *to, bool partial);
/* to: NULL is standard output. events: 0 is as many as the profile says. */
int mk_trace_profile(const char *path, const char *to);
int mk_trace_generate(const char *path, const char *to, uint64_t seed, uint64_t events);

#endif
