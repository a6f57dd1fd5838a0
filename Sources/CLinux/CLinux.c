#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

const int clinux_O_TMPFILE = O_TMPFILE;
const int clinux_O_PATH = O_PATH;
const int clinux_O_DIRECT = O_DIRECT;
const int clinux_O_NOATIME = O_NOATIME;
const int clinux_AT_EMPTY_PATH = AT_EMPTY_PATH;
const uint64_t clinux_RESOLVE_BENEATH = RESOLVE_BENEATH;
const uint64_t clinux_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
const uint64_t clinux_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const uint64_t clinux_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
const unsigned int clinux_RENAME_NOREPLACE = RENAME_NOREPLACE;
const unsigned int clinux_RENAME_EXCHANGE = RENAME_EXCHANGE;
const int clinux_SEEK_DATA = SEEK_DATA;
const int clinux_SEEK_HOLE = SEEK_HOLE;
const int clinux_FALLOC_FL_KEEP_SIZE = FALLOC_FL_KEEP_SIZE;
const int clinux_FALLOC_FL_PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE;
const int clinux_POSIX_FADV_SEQUENTIAL = POSIX_FADV_SEQUENTIAL;
const int clinux_POSIX_FADV_DONTNEED = POSIX_FADV_DONTNEED;
const int clinux_XATTR_CREATE = XATTR_CREATE;
const int clinux_XATTR_REPLACE = XATTR_REPLACE;
const int clinux_EFD_CLOEXEC = EFD_CLOEXEC;
const int clinux_EFD_NONBLOCK = EFD_NONBLOCK;

// Those that <linux/magic.h> lacks are from statfs(2).
const int64_t clinux_EXT4_SUPER_MAGIC = EXT4_SUPER_MAGIC;
const int64_t clinux_XFS_SUPER_MAGIC = 0x58465342;
const int64_t clinux_BTRFS_SUPER_MAGIC = BTRFS_SUPER_MAGIC;
const int64_t clinux_F2FS_SUPER_MAGIC = F2FS_SUPER_MAGIC;
const int64_t clinux_TMPFS_MAGIC = TMPFS_MAGIC;
const int64_t clinux_OVERLAYFS_SUPER_MAGIC = OVERLAYFS_SUPER_MAGIC;
const int64_t clinux_NFS_SUPER_MAGIC = NFS_SUPER_MAGIC;
const int64_t clinux_SMB_SUPER_MAGIC = 0x517B;
const int64_t clinux_SMB2_SUPER_MAGIC = 0xFE534D42;
const int64_t clinux_CIFS_SUPER_MAGIC = 0xFF534D42;
const int64_t clinux_FUSE_SUPER_MAGIC = 0x65735546;
const int64_t clinux_V9FS_MAGIC = V9FS_MAGIC;
const int64_t clinux_CEPH_SUPER_MAGIC = 0x00C36400;

// Runs a call again while a signal interrupts it.
#define RETRYING(call)                            \
    do {                                          \
        __typeof__(call) result;                  \
        do result = (call);                       \
        while (result == -1 && errno == EINTR);   \
        return result;                            \
    } while (0)

int clinux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    long result;
    int retries = 128;
    // With RESOLVE_BENEATH the kernel answers EAGAIN if a rename raced with a step through "..".
    do result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    while (result == -1 && (errno == EINTR || (errno == EAGAIN && retries-- > 0)));
    return (int)result;
}

int clinux_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags) {
    RETRYING(renameat2(from_directory, from, to_directory, to, flags));
}

int clinux_link_descriptor(int descriptor, int directory, const char *name) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    RETRYING(linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW));
}

ssize_t clinux_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t count) {
    RETRYING(copy_file_range(in, (off64_t *)in_offset, out, (off64_t *)out_offset, count, 0));
}

int clinux_clone(int destination, int source) { RETRYING(ioctl(destination, FICLONE, source)); }

int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    RETRYING(fallocate(descriptor, mode, offset, length));
}

int clinux_fadvise(int descriptor, int64_t offset, int64_t length, int advice) {
    return posix_fadvise(descriptor, offset, length, advice);
}

int clinux_syncfs(int descriptor) { return syncfs(descriptor); }

int clinux_await_writing(int descriptor) { return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE); }

int clinux_birth_time(int directory, const char *path, int64_t *nanoseconds) {
    struct statx status;
    if (statx(directory, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) != 0) return errno;
    if (!(status.stx_mask & STATX_BTIME)) return ENOTSUP;
    *nanoseconds = (int64_t)status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
    return 0;
}

static int ofd(int descriptor, int command, short type, struct flock *lock) {
    // l_pid must be 0 and a length of 0 is the whole file.
    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET};
    int result;
    do result = fcntl(descriptor, command, lock);
    while (result == -1 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int clinux_ofd_lock(int descriptor) {
    struct flock lock;
    return ofd(descriptor, F_OFD_SETLK, F_WRLCK, &lock);
}

int clinux_ofd_unlock(int descriptor) {
    struct flock lock;
    return ofd(descriptor, F_OFD_SETLK, F_UNLCK, &lock);
}

int clinux_ofd_query(int descriptor, int *is_locked) {
    struct flock lock;
    int error = ofd(descriptor, F_OFD_GETLK, F_WRLCK, &lock);
    *is_locked = error == 0 && lock.l_type != F_UNLCK;
    return error;
}

int clinux_lease_probe(int descriptor) {
    if (fcntl(descriptor, F_SETLEASE, F_RDLCK) == -1) return errno;
    fcntl(descriptor, F_SETLEASE, F_UNLCK);
    return 0;
}

void clinux_ignore_sigio(void) {
    struct sigaction action;
    if (sigaction(SIGIO, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL) {
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_IGN;
        sigaction(SIGIO, &action, NULL);
    }
}

int64_t clinux_filesystem_type(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return -1;
    // The member is signed and may be 32 bits wide; the magic numbers are unsigned.
    return (int64_t)(uint32_t)status.f_type;
}

int clinux_fsetxattr(int descriptor, const char *name, const void *value, size_t size, int flags) {
    RETRYING(fsetxattr(descriptor, name, value, size, flags));
}

ssize_t clinux_fgetxattr(int descriptor, const char *name, void *value, size_t size) {
    RETRYING(fgetxattr(descriptor, name, value, size));
}

int clinux_fremovexattr(int descriptor, const char *name) { RETRYING(fremovexattr(descriptor, name)); }

int clinux_eventfd(unsigned int initial, int flags) { return eventfd(initial, flags); }

int clinux_pipe2(int descriptors[2], int flags) { return pipe2(descriptors, flags); }

int64_t clinux_boottime(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t clinux_nanoseconds(const void *timespec) {
    const struct timespec *time = timespec;
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

int clinux_gettid(void) { return gettid(); }

int clinux_random(void *buffer, size_t count) {
    char *bytes = buffer;
    while (count > 0) {
        ssize_t n = getrandom(bytes, count, 0);
        if (n == -1) {
            if (errno == EINTR) continue;
            return errno;
        }
        bytes += n;
        count -= (size_t)n;
    }
    return 0;
}

// MARK: Checksums

// The reflected polynomial of CRC-32C, eight bytes at a time where the CPU has an instruction for it.
static uint32_t crc32c_by_table(uint32_t sum, const unsigned char *bytes, size_t count) {
    static uint32_t table[256];
    static volatile int is_ready;
    if (!is_ready) {
        for (uint32_t index = 0; index < 256; index++) {
            uint32_t value = index;
            for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78u : 0);
            table[index] = value;
        }
        // Whoever comes meanwhile computes the same table.
        __sync_synchronize();
        is_ready = 1;
    }
    while (count--) sum = table[(sum ^ *bytes++) & 0xFF] ^ (sum >> 8);
    return sum;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2")))
static uint32_t crc32c_by_instruction(uint32_t sum, const unsigned char *bytes, size_t count) {
    uint64_t wide = sum;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    sum = (uint32_t)wide;
    while (count--) sum = _mm_crc32_u8(sum, *bytes++);
    return sum;
}
#endif

uint32_t clinux_crc32c(uint32_t sum, const void *bytes, size_t count) {
    sum = ~sum;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc32c_by_instruction(sum, bytes, count);
#endif
    return ~crc32c_by_table(sum, bytes, count);
}

// MARK: Processes

int clinux_spawn(const char *file, char *const arguments[], char *const environment[], int input, int output, int error,
                 pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (!failure) failure = posix_spawnattr_setsigmask(&attributes, &none);
    if (!failure) failure = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!failure)
        failure = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, error, 2);
    if (!failure) failure = posix_spawnp(process, file, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

void clinux_return_blocks(int size) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, size);
#else
    (void)size;
#endif
}
