/// What a simulation must hold in its own hands to have the same history again: which job of Swift's runs next, and which
/// random numbers come.
#ifndef CSCHEDULER_H
#define CSCHEDULER_H

#include <stdint.h>

/// Is handed each job that Swift's runtime would give to its own threads.
typedef void (*qstore_enqueue)(void *job);

/// Hands all jobs of this process over from now on, which may come from this thread alone; to Swift's own threads again if
/// null.
void qstore_take_jobs(qstore_enqueue enqueue);

/// Runs a job that was handed over, on this thread, until it waits or ends.
void qstore_run_job(void *job);

/// Makes the random numbers that this thread asks the kernel for come again with a seed.
void qstore_seed_random(uint64_t seed);

/// Lets this thread have the kernel's random numbers again.
void qstore_unseed_random(void);

#endif
