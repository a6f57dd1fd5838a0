// Who has to wait for one of Swift's mutexes does so in a library that isn't built with ThreadSanitizer, which takes what
// was written under the lock before for a race then. These stand in for the library's two functions that wait and wake: they
// call them, and tell the sanitizer what they mean. A mutex that nobody waits for is locked by code that it sees.
//
// Source: swift/stdlib/public/Synchronization/Mutex/LinuxImpl.swift; docs/ABI/Mangling.rst.

#include "CSanitizers.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*Lock)(uint32_t thread, SELF void *mutex);
typedef SWIFT void (*Unlock)(SELF void *mutex);

void __tsan_acquire(void *address);
void __tsan_release(void *address);

SWIFT void csanitizers_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void csanitizers_unlock(SELF void *mutex) __asm__(UNLOCK);

static Lock lock;
static Unlock unlock;

__attribute__((constructor)) static void find(void) {
    lock = (Lock)dlsym(RTLD_NEXT, LOCK);
    unlock = (Unlock)dlsym(RTLD_NEXT, UNLOCK);
    // Another library than the one that this was written for: better no answer than a wrong one.
    if (!lock || !unlock) abort();
}

SWIFT void csanitizers_lock(uint32_t thread, SELF void *mutex) {
    lock(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT void csanitizers_unlock(SELF void *mutex) {
    __tsan_release(mutex);
    unlock(mutex);
}

#endif
#endif
