/* worker.c - see worker.h. */
#include "worker.h"

#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "build_info.h"
#include "registry.h"
#include "run.h"
#include "stacks.h"
#include "trials.h"

struct pipe_sink {
    int fd;
};

static void send_frame(void *arg, uint32_t type, void *sample) {
    struct pipe_sink *sink = arg;
    struct mk_err err;
    /* Nobody listens any more: whoever started this worker is gone. */
    if (mk_wire_send(sink->fd, type, sample, &err)) _exit(6);
    mk_record_free(mk_frame_record(type), sample);
}

uint64_t mk_worker_build_id(void) {
    const struct mk_build_info *build = mk_build_info();
    uint64_t hash = 0xcbf29ce484222325u;
    const char *texts[] = {build->version, build->commit, build->flags, build->flavour, build->compiler};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (const char *c = texts[i] ? texts[i] : ""; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return hash ^ build->header_hash;
}

/* Waits for a frame of one type, or of another one (the same, where there is but one). Returns it, and in *got which. */
static void *expect_frame(struct mk_wire_in *in, uint32_t wanted, uint32_t or_else, uint32_t *got, struct mk_err *err) {
    void *obj;
    for (;;) {
        int came = mk_wire_next(in, got, &obj, err);
        if (came < 0) return NULL;
        if (came && (*got == wanted || *got == or_else)) return obj;
        if (came) {
            mk_fail(err, "a %s frame came, a %s was due", mk_frame_name(*got), mk_frame_name(wanted));
            return NULL;
        }
        if (mk_wire_fill(in, err) <= 0) {
            mk_fail(err, "the conductor is gone");
            return NULL;
        }
    }
}

static int complain(const struct mk_err *err) {
    fprintf(stderr, "memkit-bench worker: %s\n", err->text);
    return 6;
}

struct worker {
    struct mk_wire_in in;
    int out_fd;
    struct mk_topo *topo;
    struct mk_plan *plan;
    void *order; /* what `type` says: an order or a hunt */
    uint32_t type;
};

/* The whole conversation: who it is, the plan, what the plan's cells stand for here, and the order, carried out. */
static int serve(struct worker *worker, struct mk_err *err) {
    int out_fd = worker->out_fd;
    struct pipe_sink pipe = {out_fd};
    struct mk_run_sink sink = {&pipe, send_frame, NULL};
    /* Twice: before the plan, which another version could not read, and once its plug-ins are loaded. */
    struct mk_hello hello = {mk_worker_build_id(), 0, mk_wire_digest(), (uint64_t)getpid()};
    if (mk_wire_send(out_fd, MK_FRAME_HELLO, &hello, err)) return -1;
    worker->plan = expect_frame(&worker->in, MK_FRAME_PLAN, MK_FRAME_PLAN, &worker->type, err);
    if (!worker->plan) return -1;
    for (size_t i = 0; i < worker->plan->plugins_n; i++) {
        if (mk_registry_load(worker->plan->plugins[i], err)) return -1;
    }
    if (mk_plan_cells_digest(worker->plan, &hello.cells_digest, err)) return -1;
    if (mk_wire_send(out_fd, MK_FRAME_HELLO, &hello, err)) return -1;
    worker->order = expect_frame(&worker->in, MK_FRAME_ORDER, MK_FRAME_HUNT, &worker->type, err);
    if (!worker->order) return -1;
    int failed = worker->type == MK_FRAME_HUNT ? mk_trials_run(worker->plan, worker->order, &sink, err)
                                               : mk_run_order(worker->plan, worker->order, worker->topo, &sink, err);
    return failed ? -1 : mk_wire_send(out_fd, MK_FRAME_DONE, NULL, err);
}

int mk_worker_main(int in_fd, int out_fd) {
    struct worker worker = {.in = {in_fd, NULL, 0, 0}, .out_fd = out_fd};
    struct mk_err err = {{0}};
    /* A conductor that was killed must not leave behind a worker that hangs. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mk_stacks_install();
    if (mk_topo_load(&worker.topo, &err)) return complain(&err);
    int status = serve(&worker, &err) ? complain(&err) : 0;
    if (worker.plan) mk_record_free(&mk_plan_record, worker.plan);
    if (worker.order) mk_record_free(mk_frame_record(worker.type), worker.order);
    free(worker.plan);
    free(worker.order);
    mk_wire_in_free(&worker.in);
    mk_topo_free(worker.topo);
    return status;
}
