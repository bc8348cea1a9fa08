/* replay.c - the one schedule that a token names, in this process: for people, and for their debuggers. */
#include <stdio.h>
#include <stdlib.h>

#include "../commands.h"
#include "programs.h"
#include "report.h"

static int refuse(const char *why) {
    fprintf(stderr, "memkit-bench: %s\n", why);
    return MK_EXIT_USAGE;
}

static void print_stack(const struct mk_stack *stack) {
    printf("\n%s\n", stack->title ? stack->title : "");
    for (size_t i = 0; i < stack->frames_n; i++) {
        const struct mk_stack_frame *frame = &stack->frames[i];
        printf("    %s", frame->function ? frame->function : "?");
        if (frame->file) printf("  %s:%u", frame->file, frame->line);
        printf("\n");
    }
}

static void print(const struct mk_finding_sample *finding) {
    printf("%s: %s\n", finding->rule ? finding->rule : "model", finding->what ? finding->what : "");
    if (finding->object && *finding->object) printf("object: %s\n", finding->object);
    if (finding->detail) printf("\n%s", finding->detail);
    for (size_t i = 0; i < finding->stacks_n; i++) print_stack(&finding->stacks[i]);
    fflush(stdout);
}

static int replay(struct mk_made_program *made, const struct mk_setting *setting,
                  const struct mk_decisions *decisions, const char *token) {
    struct mk_explored explored = {.setting = *setting, .decisions = *decisions};
    struct mk_finding_sample finding = {0};
    explored.failed = mk_replay(&made->program, setting, decisions, NULL);
    if (!explored.failed) {
        printf("the schedule passes: nothing fails in %s\n", made->program.name);
        return MK_EXIT_FINE;
    }
    explored.failure = mk_rt.failure;
    mk_report(&made->program, &explored, token, NULL, &finding);
    print(&finding);
    free(explored.failure.detail);
    free(explored.failure.picture);
    mk_record_free(&mk_finding_record, &finding);
    return MK_EXIT_FAULT;
}

int mk_model_replay(const char *token) {
    struct mk_setting setting;
    struct mk_decisions decisions = {0};
    struct mk_made_program made = {0};
    struct mk_err err;
    char *name = NULL, why[512];
    if (mk_token_parse(token, &name, &setting, &decisions, why, sizeof why)) return refuse(why);
    int status = MK_EXIT_USAGE;
    if (mk_program_make_named(name, &made, &err)) {
        refuse(err.text);
    } else {
        status = replay(&made, &setting, &decisions, token);
        mk_program_free(&made);
    }
    free(decisions.at);
    free(name);
    return status;
}
