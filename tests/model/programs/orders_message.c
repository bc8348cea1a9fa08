/* orders_message - a message is passed with release and acquire, and counted; what test_orders.c judges.
 *
 * Unreached:  (5) nobody asks for it
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static _Atomic(uint32_t) flag, sent, strong, odd;
static uint32_t message, seen;
uint32_t orders_message_got; /* seen from outside, so that looking at the message is not left out */

void orders_message_begin(void *arg);
void orders_message_body(void *arg, uint32_t number);

void orders_message_begin(void *arg) {
    (void)arg;
    orders_message_got = 0;
}

static void send(bool never) {
    message = 42;
    /* LIN send: this store. */
    /* (1) release-store synchronizes-with the acquire-load (2): the message */
    atomic_store_explicit(&flag, 1, memory_order_release);
    /* (3) relaxed-fetch_add: a count */
    atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
    /* (4) seq_cst-fetch_add synchronizes-with (4): nothing; it is stronger than
     * it need be */
    atomic_fetch_add_explicit(&strong, 1,
                              memory_order_seq_cst);
    if (never) {
        /* (5) relaxed-store: of no use */
        atomic_store_explicit(&odd, 1, memory_order_relaxed);
        /* (6) relaxed-load: of no use either */
        seen = atomic_load_explicit(&odd, memory_order_relaxed);
    }
}

/* With `looks` false nothing tells whether the message has come with the flag. */
static void receive(bool looks) {
    /* (2) acquire-load synchronizes-with the release-store (1): the message */
    if (!atomic_load_explicit(&flag, memory_order_acquire)) return;
    if (looks) orders_message_got = message;
}

/* arg: a text; "blind": the receiver does not look. */
void orders_message_body(void *arg, uint32_t number) {
    const char *how = arg;
    if (number == 0) {
        send(how[0] == '?');
    } else {
        receive(how[0] != 'b');
    }
}
