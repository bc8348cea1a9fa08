/* fiber.c - stacks, and switches between them.
 *
 * All logical threads run on one OS thread. Each has a stack at a fixed address, the same in every process, and the
 * thread control block of a thread that was started for that and sleeps: whoever asks for a thread-local, errno or
 * pthread_self gets another one in each logical thread, as natively. (rr and other record-and-replay tools keep real
 * threads and pay a system call a switch; this is some 100 times as fast.)
 *
 * x86-64 writes the thread pointer itself (wrfsbase) where the kernel allows it, and asks the kernel otherwise; so can
 * AArch64, which takes ucontext's switches. On other machines all share one control block.
 */
#include "runtime.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define STACKS_BASE 0x110000000000u
#define STACK_BYTES ((size_t)1 << 20) /* the lowest page of each is a guard */
#define STACK_STRIDE (2 * STACK_BYTES)
#define GUARD_BYTES 65536u

bool mk_fiber_owns(uintptr_t address) {
    return address - STACKS_BASE < MK_RT_THREADS * STACK_STRIDE;
}

static uintptr_t stack_top(uint32_t number) {
    return STACKS_BASE + number * STACK_STRIDE + STACK_STRIDE;
}

static int make_stacks(const char **why) {
    void *wanted = (void *)STACKS_BASE;
    size_t bytes = MK_RT_THREADS * STACK_STRIDE;
    void *got = mmap(wanted, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) {
        *why = "the addresses that stacks of logical threads are kept at are taken";
        return -1;
    }
    for (uint32_t i = 0; i < MK_RT_THREADS; i++) {
        unsigned char *low = (unsigned char *)stack_top(i) - STACK_BYTES;
        if (mprotect(low + GUARD_BYTES, STACK_BYTES - GUARD_BYTES, PROT_READ | PROT_WRITE)) {
            *why = "no memory for stacks of logical threads";
            return -1;
        }
    }
    return 0;
}

/* ---- thread control blocks ------------------------------------------------------------------- */

static uintptr_t thread_pointers[MK_RT_THREADS + 1]; /* the last one is of whoever calls mk_rt_run */

static uint32_t index_of(uint32_t number) {
    return number == UINT32_MAX ? MK_RT_THREADS : number;
}

#if defined(__x86_64__)

static bool writes_fs;

MK_RT_INLINE void set_thread_pointer(uintptr_t to) {
    if (MK_RT_LIKELY(writes_fs)) {
        __asm__ __volatile__(".byte 0xf3, 0x48, 0x0f, 0xae, 0xd0" ::"a"(to) : "memory"); /* wrfsbase rax */
    } else {
        long result;
        __asm__ __volatile__("syscall" /* arch_prctl(ARCH_SET_FS): no errno, which would be a thread-local */
                             : "=a"(result)
                             : "0"((long)SYS_arch_prctl), "D"(0x1002L), "S"(to)
                             : "rcx", "r11", "memory");
        (void)result;
    }
}

static uintptr_t own_thread_pointer(void) {
    uintptr_t value;
    __asm__("movq %%fs:0, %0" : "=r"(value)); /* the block begins with its own address */
    return value;
}

static void look_at_machine(void) {
    writes_fs = getauxval(AT_HWCAP2) & 2; /* HWCAP2_FSGSBASE */
}

#elif defined(__aarch64__)

MK_RT_INLINE void set_thread_pointer(uintptr_t to) {
    __asm__ __volatile__("msr tpidr_el0, %0" ::"r"(to) : "memory");
}

static uintptr_t own_thread_pointer(void) {
    uintptr_t value;
    __asm__("mrs %0, tpidr_el0" : "=r"(value));
    return value;
}

static void look_at_machine(void) {
}

#endif

#if defined(__x86_64__) || defined(__aarch64__)

void mk_fiber_each(void (*visit)(void *arg, uint32_t number), void *arg) {
    for (uint32_t i = 0; i < MK_RT_THREADS; i++) {
        set_thread_pointer(thread_pointers[i]);
        visit(arg, i);
        set_thread_pointer(thread_pointers[MK_RT_THREADS]);
    }
}

struct lender {
    uint32_t number;
    sem_t ready;
};

/* Lends its control block, and sleeps for good. */
static void *lend(void *arg) {
    struct lender *lender = arg;
    thread_pointers[lender->number] = own_thread_pointer();
    sem_post(&lender->ready);
    for (;;) pause();
    return NULL;
}

static int borrow(const char **why) {
    struct lender lender;
    pthread_attr_t attr;
    pthread_t thread;
    int failed = 0;
    look_at_machine();
    thread_pointers[MK_RT_THREADS] = own_thread_pointer();
    sem_init(&lender.ready, 0, 0);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN > 65536 ? PTHREAD_STACK_MIN : 65536);
    for (lender.number = 0; lender.number < MK_RT_THREADS && !failed; lender.number++) {
        failed = pthread_create(&thread, &attr, lend, &lender);
        while (!failed && sem_wait(&lender.ready)) {
        }
    }
    pthread_attr_destroy(&attr);
    sem_destroy(&lender.ready);
    if (failed) *why = "no threads could be started for logical threads to borrow from";
    return failed ? -1 : 0;
}

#else

MK_RT_INLINE void set_thread_pointer(uintptr_t to) {
    (void)to;
}

void mk_fiber_each(void (*visit)(void *arg, uint32_t number), void *arg) {
    visit(arg, 0);
}

static int borrow(const char **why) {
    (void)why;
    return 0;
}

#endif

/* ---- switches -------------------------------------------------------------------------------- */

#if defined(__x86_64__)

static void *stack_pointers[MK_RT_THREADS + 1];

/* Saves what a call must leave alone, and goes on where the other stack was left. */
void mk_fiber_jump(void **save, void *load);
__asm__(".text\n"
        ".globl mk_fiber_jump\n"
        ".hidden mk_fiber_jump\n"
        ".type mk_fiber_jump, @function\n"
        "mk_fiber_jump:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size mk_fiber_jump, .-mk_fiber_jump\n"
        /* Where a fiber begins: entry and its argument wait in registers that a switch restores. */
        ".globl mk_fiber_begin\n"
        ".hidden mk_fiber_begin\n"
        ".type mk_fiber_begin, @function\n"
        "mk_fiber_begin:\n"
        "    movq %r12, %rdi\n"
        "    xorl %ebp, %ebp\n"
        "    callq *%rbx\n"
        "    ud2\n"
        ".size mk_fiber_begin, .-mk_fiber_begin\n");
void mk_fiber_begin(void);

void mk_fiber_prepare(uint32_t number, void (*entry)(void *arg), void *arg) {
    void **sp = (void **)(stack_top(number) - 128);
    *--sp = (void *)(uintptr_t)mk_fiber_begin; /* which finds the stack aligned for a call */
    *--sp = NULL;                        /* rbp */
    *--sp = (void *)(uintptr_t)entry;    /* rbx */
    *--sp = arg;                         /* r12 */
    *--sp = NULL;
    *--sp = NULL;
    *--sp = NULL;
    stack_pointers[number] = sp;
}

void mk_fiber_switch(uint32_t from, uint32_t to) {
    set_thread_pointer(thread_pointers[index_of(to)]);
    mk_fiber_jump(&stack_pointers[index_of(from)], stack_pointers[index_of(to)]);
}

#else

static ucontext_t fibers[MK_RT_THREADS + 1];
static struct {
    void (*entry)(void *arg);
    void *arg;
} starts[MK_RT_THREADS];

static void begin(int number) {
    starts[number].entry(starts[number].arg);
}

void mk_fiber_prepare(uint32_t number, void (*entry)(void *arg), void *arg) {
    ucontext_t *fiber = &fibers[number];
    getcontext(fiber);
    fiber->uc_stack.ss_sp = (void *)(stack_top(number) - STACK_BYTES + GUARD_BYTES);
    fiber->uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    fiber->uc_link = NULL;
    starts[number].entry = entry;
    starts[number].arg = arg;
    makecontext(fiber, (void (*)(void))begin, 1, (int)number);
}

void mk_fiber_switch(uint32_t from, uint32_t to) {
    set_thread_pointer(thread_pointers[index_of(to)]);
    swapcontext(&fibers[index_of(from)], &fibers[index_of(to)]);
}

#endif

int mk_fiber_open(const char **why) {
    static bool open;
    if (open) return 0;
    if (make_stacks(why) || borrow(why)) return -1;
    open = true;
    return 0;
}
