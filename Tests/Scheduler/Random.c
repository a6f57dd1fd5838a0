#include "CScheduler.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

static _Thread_local bool is_seeded;
static _Thread_local uint64_t state;

void qstore_seed_random(uint64_t seed) {
    is_seeded = true;
    state = seed;
}

void qstore_unseed_random(void) { is_seeded = false; }

// Source: Sebastiano Vigna, SplitMix64.
static uint64_t next(void) {
    uint64_t value = state += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

// Swift's standard library asks for random bytes by syscall(2) alone; whatever else goes that way goes on to the C library.
long syscall(long number, ...) {
    static long (*original)(long, ...);
    va_list list;
    long arguments[6];
    va_start(list, number);
    for (int index = 0; index < 6; index++) arguments[index] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getrandom && is_seeded) {
        unsigned char *buffer = (unsigned char *)arguments[0];
        size_t size = (size_t)arguments[1];
        for (size_t done = 0; done < size; done += 8) {
            uint64_t value = next();
            memcpy(buffer + done, &value, size - done < 8 ? size - done : 8);
        }
        return (long)size;
    }
    if (!original) original = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return original(
        number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
