/* turns.c - see turns.h. */
#include "turns.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

struct player {
    struct mk_turns *turns;
    uint32_t thread;
    pthread_t id;
    bool runs;
    bool ends; /* guarded by the lock, as what follows is */
    mk_turn_fn *turn;
    void *arg;
    pthread_cond_t called;
};

struct mk_turns {
    uint32_t threads;
    struct player *player;
    pthread_mutex_t lock;
    pthread_cond_t done;
};

static void *player_main(void *arg) {
    struct player *player = arg;
    struct mk_turns *turns = player->turns;
    pthread_mutex_lock(&turns->lock);
    while (!player->ends) {
        if (!player->turn) {
            pthread_cond_wait(&player->called, &turns->lock);
            continue;
        }
        pthread_mutex_unlock(&turns->lock);
        player->turn(player->arg, player->thread);
        pthread_mutex_lock(&turns->lock);
        player->turn = NULL;
        pthread_cond_signal(&turns->done);
    }
    pthread_mutex_unlock(&turns->lock);
    return NULL;
}

static int start(struct player *player, struct mk_err *err) {
    player->ends = false;
    int failed = pthread_create(&player->id, NULL, player_main, player);
    player->runs = !failed;
    return failed ? mk_fail(err, "cannot start thread %u: %s", player->thread, strerror(failed)) : 0;
}

static void end(struct player *player) {
    if (!player->runs) return;
    pthread_mutex_lock(&player->turns->lock);
    player->ends = true;
    pthread_cond_signal(&player->called);
    pthread_mutex_unlock(&player->turns->lock);
    pthread_join(player->id, NULL);
    player->runs = false;
}

struct mk_turns *mk_turns_open(uint32_t threads, struct mk_err *err) {
    struct mk_turns *turns = mk_need(1, sizeof *turns);
    turns->threads = threads;
    turns->player = mk_need(threads, sizeof *turns->player);
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->done, NULL);
    for (uint32_t t = 0; t < threads; t++) {
        turns->player[t].turns = turns;
        turns->player[t].thread = t;
        pthread_cond_init(&turns->player[t].called, NULL);
    }
    for (uint32_t t = 0; t < threads; t++) {
        if (!start(&turns->player[t], err)) continue;
        mk_turns_close(turns);
        return NULL;
    }
    return turns;
}

void mk_turns_do(struct mk_turns *turns, uint32_t thread, mk_turn_fn *turn, void *arg) {
    struct player *player = &turns->player[thread];
    if (!player->runs) {
        turn(arg, thread);
        return;
    }
    pthread_mutex_lock(&turns->lock);
    player->arg = arg;
    player->turn = turn;
    pthread_cond_signal(&player->called);
    while (player->turn) pthread_cond_wait(&turns->done, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
}

int mk_turns_renew(struct mk_turns *turns, uint32_t thread, struct mk_err *err) {
    end(&turns->player[thread]);
    return start(&turns->player[thread], err);
}

void mk_turns_close(struct mk_turns *turns) {
    if (!turns) return;
    for (uint32_t t = 0; t < turns->threads; t++) {
        end(&turns->player[t]);
        pthread_cond_destroy(&turns->player[t].called);
    }
    pthread_cond_destroy(&turns->done);
    pthread_mutex_destroy(&turns->lock);
    free(turns->player);
    free(turns);
}
