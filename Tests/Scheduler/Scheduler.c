#include "CScheduler.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// Source: swift/stdlib/public/Concurrency/ConcurrencyHooks.def ("void, enqueueGlobal, (Job *job)"): the runtime calls the
// hook, if there is one, in place of its own enqueuing, which it hands over as the second argument.
#define SWIFT_CC __attribute__((swiftcall))

typedef SWIFT_CC void (*original_enqueue)(void *job);
extern SWIFT_CC void (*swift_task_enqueueGlobal_hook)(void *job, original_enqueue original);

// A serial executor reference is two words; both are 0 for the global one.
extern SWIFT_CC void swift_job_run(void *job, void *identity, uintptr_t implementation);

static qstore_enqueue take;
static pthread_t owner;

static SWIFT_CC void taken(void *job, original_enqueue original) {
    if (take) {
        // Nobody may wake a task from outside: the history wouldn't come again.
        if (!pthread_equal(owner, pthread_self())) abort();
        take(job);
    } else {
        original(job);
    }
}

void qstore_take_jobs(qstore_enqueue enqueue) {
    take = enqueue;
    owner = pthread_self();
    swift_task_enqueueGlobal_hook = enqueue ? taken : NULL;
}

void qstore_run_job(void *job) { swift_job_run(job, NULL, 0); }
