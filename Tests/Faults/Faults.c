#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "Faults.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// Everything below goes to the kernel by this: the functions of the C library are those that are replaced here.
static long (*kernel)(long number, ...);
#define KERNEL(call, ...) kernel(SYS_##call, __VA_ARGS__)

static char root[PATH_MAX], only[512];
static size_t root_length;
static struct faults_report *report;
static struct faults_report no_report;
static uint64_t step;
static int error_number, kills, stops, shortens, counts_reads, counts_locks, skips_syncs, trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void setup(void) {
    kernel = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    report = &no_report;
    const char *text = getenv("FAULTS_ROOT");
    if (!text) return;
    snprintf(root, sizeof root, "%s", text);
    if ((text = getenv("FAULTS_REPORT"))) {
        int file = (int)KERNEL(openat, AT_FDCWD, text, O_RDWR | O_CLOEXEC, 0);
        void *memory = file < 0 ? MAP_FAILED
                                : mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file >= 0) KERNEL(close, file);
        if (memory != MAP_FAILED) report = memory;
    }
    if ((text = getenv("FAULTS_STEP"))) step = strtoull(text, NULL, 10);
    if ((text = getenv("FAULTS_ACT"))) {
        kills = !strcmp(text, "kill");
        stops = !strcmp(text, "stop");
        shortens = !strcmp(text, "short");
        error_number = atoi(text);
    }
    if ((text = getenv("FAULTS_COUNT"))) {
        counts_reads = strchr(text, 'r') != NULL;
        counts_locks = strchr(text, 'l') != NULL;
    }
    if ((text = getenv("FAULTS_ONLY")) && *text) snprintf(only, sizeof only, " %s ", text);
    skips_syncs = (text = getenv("FAULTS_NOSYNC")) && !strcmp(text, "1");
    if ((text = getenv("FAULTS_TRACE")))
        trace = (int)KERNEL(openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    root_length = strlen(root);
}

__attribute__((constructor)) static void start_up(void) { pthread_once(&once, setup); }

// MARK: Calls

struct call {
    const char *name;
    char path[PATH_MAX], second[PATH_MAX];
    uint64_t inode, parent, second_parent, other;
    int64_t offset, length;
    const void *bytes;
    size_t count;
    void *frames[48];
    int depth;
    int is_counted;
    int fails;
    int is_hit;
};

static int is_below(const char *path) {
    return root_length > 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void path_of_descriptor(int descriptor, char *path) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long count = KERNEL(readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[count < 0 ? 0 : count] = 0;
}

// The path that a call means, as a text; links on the way are not looked at.
static void path_at(int directory, const char *name, char *path) {
    char base[PATH_MAX] = "";
    if (!name) name = "";
    if (!strncmp(name, "/proc/self/fd/", 14)) {
        path_of_descriptor(atoi(name + 14), path);
        return;
    }
    if (name[0] != '/') {
        if (directory == AT_FDCWD) {
            if (KERNEL(getcwd, base, sizeof base) < 0) base[0] = 0;
        } else {
            path_of_descriptor(directory, base);
        }
        while (name[0] == '.' && (name[1] == '/' || !name[1])) name += name[1] ? 2 : 1;
    }
    size_t length = strlen(base);
    snprintf(path, PATH_MAX, "%s%s%s", base, length && name[0] ? "/" : "", name);
}

static uint64_t inode_of(const char *path) {
    struct stat status;
    return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

static int is_directory(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
}

static uint64_t inode_of_descriptor(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

static uint64_t parent_of(const char *path) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash) return 0;
    *slash = 0;
    return inode_of(parent);
}

static int exists_at(int directory, const char *path) {
    struct stat status;
    return fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void say(const char *text) { KERNEL(write, 2, text, strlen(text)); }

static int is_chosen(const char *name) {
    char word[40];
    snprintf(word, sizeof word, " %s ", name);
    return !only[0] || strstr(only, word);
}

// Takes the lock if the call counts, and does what is to be done before it. The caller then makes the call, unless it
// fails, and hands its result to end().
static void begin(struct call *call, const char *name, int counts) {
    int saved = errno;
    pthread_once(&once, setup);
    call->name = name;
    call->fails = call->is_hit = 0;
    call->is_counted = counts && (is_below(call->path) || is_below(call->second));
    if (!call->is_counted) return;
    call->depth = trace >= 0 ? backtrace(call->frames, 48) : 0;
    pthread_mutex_lock(&lock);
    uint64_t number = is_chosen(name) ? ++report->count : 0;
    if (trace >= 0) {
        call->parent = parent_of(call->path);
        if (call->second[0]) call->second_parent = parent_of(call->second);
    }
    errno = saved;
    if (number == 0 || number != step) return;
    call->is_hit = 1;
    report->hit = number;
    snprintf(report->call, sizeof report->call, "%s %s%s%s", name, call->path, call->second[0] ? " -> " : "",
             call->second);
    if (kills) {
        for (;;) KERNEL(kill, getpid(), SIGKILL);
    } else if (stops) {
        say("stopped at the step\n");
        // To this thread: another one might be slow to take it, and this one would go on meanwhile.
        KERNEL(tgkill, getpid(), gettid(), SIGSTOP);
    } else if (error_number) {
        call->fails = 1;
    }
    errno = saved;
}

static int is_shortened(struct call *call) { return call->is_hit && shortens; }

static void write_trace(struct call *call, int error) {
    char frames[2048] = "";
    size_t used = 0;
    for (int index = 2; index < call->depth && used + 200 < sizeof frames; index++) {
        Dl_info info;
        if (!dladdr(call->frames[index], &info) || !info.dli_fname) continue;
        const char *object = strrchr(info.dli_fname, '/');
        used += (size_t)snprintf(frames + used, sizeof frames - used, "%s%s+%lx", used ? " " : "",
                                 object ? object + 1 : info.dli_fname,
                                 (unsigned long)((char *)call->frames[index] - (char *)info.dli_fbase) - 1);
    }
    char *line = NULL;
    int length = asprintf(&line, "%s\t%d\t%lu\t%s\t%lu\t%s\t%lu\t%lu\t%lld\t%lld\t%s\t%zu\n", call->name, error,
                          (unsigned long)call->inode, call->path, (unsigned long)call->parent, call->second,
                          (unsigned long)call->second_parent, (unsigned long)call->other, (long long)call->offset,
                          (long long)call->length, frames, error ? 0 : call->count);
    if (length < 0) return;
    struct iovec parts[3] = {{line, (size_t)length}, {(void *)call->bytes, error ? 0 : call->count}, {"\n", 1}};
    KERNEL(writev, trace, parts, 3);
    free(line);
}

static long end(struct call *call, long result) {
    if (!call->is_counted) return result;
    int saved = errno;
    if (call->fails) {
        saved = error_number;
        result = -1;
    }
    if (trace >= 0) write_trace(call, result < 0 ? saved : 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

#define CALL() \
    pthread_once(&once, setup); \
    struct call call; \
    call.path[0] = call.second[0] = 0; \
    memset(&call.inode, 0, sizeof call - offsetof(struct call, inode))

// MARK: Opening

// How much of this machine's files waits to be written decides how files are synced: here it is always nothing.
static long open_calm_memory(void) {
    static const char text[] = "Dirty: 0 kB\nWriteback: 0 kB\n";
    long file = KERNEL(memfd_create, "meminfo", MFD_CLOEXEC);
    if (file >= 0) KERNEL(write, file, text, sizeof text - 1);
    return file;
}

static long open_file(const char *name, int directory, const char *path, struct open_how *how, int is_openat2) {
    CALL();
    if (root_length > 0 && path && !strcmp(path, "/proc/meminfo")) return open_calm_memory();
    path_at(directory, path, call.path);
    int is_temporary = (how->flags & O_TMPFILE) == O_TMPFILE;
    int makes = is_temporary || ((how->flags & O_CREAT) && is_below(call.path) && !exists_at(directory, path));
    int truncates = !makes && (how->flags & O_TRUNC) && is_below(call.path);
    begin(&call, is_temporary ? "tmpfile" : makes ? "create" : truncates ? "truncate" : name,
          makes || truncates || counts_reads);
    long result = -1;
    if (!call.fails) {
        result = is_openat2 ? KERNEL(openat2, directory, path, how, sizeof *how)
                            : KERNEL(openat, directory, path, (int)how->flags, (mode_t)how->mode);
        if (call.is_counted && result >= 0 && trace >= 0) {
            call.inode = inode_of_descriptor((int)result);
            call.length = makes ? (int64_t)how->mode : 0;
        }
    }
    if (!makes && !truncates && trace >= 0 && call.is_counted) {
        pthread_mutex_unlock(&lock);
        if (call.fails) errno = error_number;
        return result;
    }
    return end(&call, result);
}

#define OPENING(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    } \
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags), .mode = mode, .resolve = 0}

int open(const char *path, int flags, ...) {
    OPENING(flags);
    return (int)open_file("open", AT_FDCWD, path, &how, 0);
}

int open64(const char *path, int flags, ...) {
    OPENING(flags);
    return (int)open_file("open", AT_FDCWD, path, &how, 0);
}

int openat(int directory, const char *path, int flags, ...) {
    OPENING(flags);
    return (int)open_file("open", directory, path, &how, 0);
}

int openat64(int directory, const char *path, int flags, ...) {
    OPENING(flags);
    return (int)open_file("open", directory, path, &how, 0);
}

int creat(const char *path, mode_t mode) {
    struct open_how how = {.flags = O_CREAT | O_WRONLY | O_TRUNC, .mode = mode};
    return (int)open_file("open", AT_FDCWD, path, &how, 0);
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long),
         e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2) return open_file("open", (int)a, (const char *)b, (struct open_how *)c, 1);
    pthread_once(&once, setup);
    return kernel(number, a, b, c, d, e, f);
}

// MARK: Reading

#define READING(function, real) \
    CALL(); \
    if (counts_reads) path_of_descriptor(descriptor, call.path); \
    begin(&call, function, counts_reads); \
    long result = call.fails ? -1 : real; \
    if (call.is_counted) pthread_mutex_unlock(&lock); \
    if (call.fails) errno = error_number; \
    return result

ssize_t read(int descriptor, void *bytes, size_t count) {
    READING("read", KERNEL(read, descriptor, bytes, count));
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    READING("pread", KERNEL(pread64, descriptor, bytes, count, offset));
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
    READING("pread", KERNEL(pread64, descriptor, bytes, count, offset));
}

// MARK: Writing

static ssize_t write_bytes(const char *name, int descriptor, const void *bytes, size_t count, int64_t offset) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    if (descriptor == 1 && trace >= 0 && !is_below(call.path)) {
        // What is said may be a promise.
        long result = KERNEL(write, descriptor, bytes, count);
        pthread_mutex_lock(&lock);
        call.name = "say";
        call.path[0] = 0;
        call.bytes = bytes;
        call.count = count;
        write_trace(&call, 0);
        pthread_mutex_unlock(&lock);
        return result;
    }
    begin(&call, name, 1);
    if (is_shortened(&call) && count > 1) count /= 2;
    if (call.is_counted && trace >= 0) {
        call.inode = inode_of_descriptor(descriptor);
        call.offset = offset;
        if (offset < 0) {
            int flags = fcntl(descriptor, F_GETFL);
            call.offset = KERNEL(lseek, descriptor, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
        }
    }
    long result = -1;
    if (!call.fails)
        result = offset < 0 ? KERNEL(write, descriptor, bytes, count)
                            : KERNEL(pwrite64, descriptor, bytes, count, offset);
    call.bytes = bytes;
    call.count = result > 0 ? (size_t)result : 0;
    return end(&call, result);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    return write_bytes("write", descriptor, bytes, count, -1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_bytes("write", descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return write_bytes("write", descriptor, bytes, count, offset);
}

// Each part is a call of its own: the kernel promises no more to those that read meanwhile.
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    ssize_t sum = 0;
    for (int index = 0; index < count; index++) {
        ssize_t written = write_bytes("write", descriptor, parts[index].iov_base, parts[index].iov_len, -1);
        if (written < 0) return sum > 0 ? sum : -1;
        sum += written;
        if ((size_t)written < parts[index].iov_len) break;
    }
    return sum;
}

// Bytes that came without passing through the program, read back for the trace.
static long end_copy(struct call *call, int descriptor, int64_t offset, long result, size_t count) {
    char *copy = NULL;
    if (call->is_counted && trace >= 0 && result >= 0 && (copy = malloc(count ? count : 1))) {
        call->inode = inode_of_descriptor(descriptor);
        call->offset = offset;
        int own = (int)KERNEL(openat, AT_FDCWD, ({
            static __thread char link[40];
            snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
            link;
        }), O_RDONLY | O_CLOEXEC, 0);
        long got = own < 0 ? -1 : KERNEL(pread64, own, copy, count, offset);
        if (own >= 0) KERNEL(close, own);
        call->bytes = copy;
        call->count = got > 0 ? (size_t)got : 0;
    }
    long final = end(call, result);
    free(copy);
    return final;
}

ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t count, unsigned int flags) {
    CALL();
    path_of_descriptor(out, call.path);
    begin(&call, "write", 1);
    if (is_shortened(&call) && count > 1) count /= 2;
    int64_t offset = out_offset ? *out_offset : KERNEL(lseek, out, 0, SEEK_CUR);
    long result = call.fails ? -1 : KERNEL(copy_file_range, in, in_offset, out, out_offset, count, flags);
    return end_copy(&call, out, offset, result, result > 0 ? (size_t)result : 0);
}

ssize_t sendfile(int out, int in, off_t *in_offset, size_t count) {
    CALL();
    path_of_descriptor(out, call.path);
    begin(&call, "write", 1);
    int64_t offset = KERNEL(lseek, out, 0, SEEK_CUR);
    long result = call.fails ? -1 : KERNEL(sendfile, out, in, in_offset, count);
    return end_copy(&call, out, offset, result, result > 0 ? (size_t)result : 0);
}

int ioctl(int descriptor, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request != FICLONE && request != FICLONERANGE) {
        pthread_once(&once, setup);
        return (int)KERNEL(ioctl, descriptor, request, argument);
    }
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "write", 1);
    long result = call.fails ? -1 : KERNEL(ioctl, descriptor, request, argument);
    struct stat status = {0};
    if (result == 0) fstat(descriptor, &status);
    return (int)end_copy(&call, descriptor, 0, result, (size_t)status.st_size);
}

int ftruncate(int descriptor, off_t length) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "truncate", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    call.length = length;
    return (int)end(&call, call.fails ? -1 : KERNEL(ftruncate, descriptor, length));
}

int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, mode & FALLOC_FL_KEEP_SIZE ? "allocate" : "extend", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    call.offset = offset;
    call.length = length;
    return (int)end(&call, call.fails ? -1 : KERNEL(fallocate, descriptor, mode, offset, length));
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    return fallocate(descriptor, mode, offset, length);
}

// MARK: Syncing

static int sync_file(const char *name, int descriptor, long number) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    // What is traced has a slow disk, so that many wait for it at the same time, and share calls.
    if (trace >= 0 && is_below(call.path)) nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    begin(&call, name, 1);
    if (call.is_counted && trace >= 0) {
        call.inode = inode_of_descriptor(descriptor);
        call.other = (uint64_t)is_directory(descriptor);
    }
    long result = -1;
    if (!call.fails) result = call.is_counted && skips_syncs ? 0 : kernel(number, descriptor);
    return (int)end(&call, result);
}

int fsync(int descriptor) { return sync_file("fsync", descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return sync_file("fdatasync", descriptor, SYS_fdatasync); }
int syncfs(int descriptor) { return sync_file("syncfs", descriptor, SYS_syncfs); }

// Makes nothing durable, and tells of failures.
int sync_file_range(int descriptor, off64_t offset, off64_t length, unsigned int flags) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "sync_file_range", 1);
    return (int)end(&call, call.fails ? -1 : KERNEL(sync_file_range, descriptor, offset, length, flags));
}

// MARK: Entries

static int rename_entry(int from, const char *path, int to, const char *new_path, unsigned int flags) {
    CALL();
    path_at(from, path, call.path);
    path_at(to, new_path, call.second);
    begin(&call, "rename", 1);
    if (call.is_counted && trace >= 0) {
        call.inode = inode_of(call.path);
        call.other = inode_of(call.second);
        call.length = flags;
    }
    return (int)end(&call, call.fails ? -1 : KERNEL(renameat2, from, path, to, new_path, flags));
}

int rename(const char *path, const char *new_path) { return rename_entry(AT_FDCWD, path, AT_FDCWD, new_path, 0); }
int renameat(int from, const char *path, int to, const char *new_path) {
    return rename_entry(from, path, to, new_path, 0);
}
int renameat2(int from, const char *path, int to, const char *new_path, unsigned int flags) {
    return rename_entry(from, path, to, new_path, flags);
}

int linkat(int from, const char *path, int to, const char *new_path, int flags) {
    CALL();
    path_at(from, path, call.path);
    path_at(to, new_path, call.second);
    begin(&call, "link", 1);
    long result = call.fails ? -1 : KERNEL(linkat, from, path, to, new_path, flags);
    if (call.is_counted && trace >= 0 && result == 0) call.inode = inode_of(call.second);
    return (int)end(&call, result);
}

int link(const char *path, const char *new_path) { return linkat(AT_FDCWD, path, AT_FDCWD, new_path, 0); }

int unlinkat(int directory, const char *path, int flags) {
    CALL();
    path_at(directory, path, call.path);
    begin(&call, flags & AT_REMOVEDIR ? "rmdir" : "unlink", 1);
    if (call.is_counted && trace >= 0) call.inode = inode_of(call.path);
    return (int)end(&call, call.fails ? -1 : KERNEL(unlinkat, directory, path, flags));
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int directory, const char *path, mode_t mode) {
    CALL();
    path_at(directory, path, call.path);
    begin(&call, "mkdir", 1);
    long result = call.fails ? -1 : KERNEL(mkdirat, directory, path, mode);
    if (call.is_counted && trace >= 0 && result == 0) call.inode = inode_of(call.path);
    call.length = mode;
    return (int)end(&call, result);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int directory, const char *path) {
    CALL();
    path_at(directory, path, call.path);
    begin(&call, "symlink", 1);
    call.bytes = target;
    call.count = strlen(target);
    long result = call.fails ? -1 : KERNEL(symlinkat, target, directory, path);
    if (call.is_counted && trace >= 0 && result == 0) call.inode = inode_of(call.path);
    return (int)end(&call, result);
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

// MARK: Attributes

int fchmod(int descriptor, mode_t mode) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "chmod", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    call.length = mode;
    return (int)end(&call, call.fails ? -1 : KERNEL(fchmod, descriptor, mode));
}

int fchown(int descriptor, uid_t owner, gid_t group) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "chown", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    return (int)end(&call, call.fails ? -1 : KERNEL(fchown, descriptor, owner, group));
}

int fsetxattr(int descriptor, const char *name, const void *value, size_t size, int flags) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    snprintf(call.second, sizeof call.second, "%s", name);
    begin(&call, "setxattr", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    call.bytes = value;
    call.count = size;
    return (int)end(&call, call.fails ? -1 : KERNEL(fsetxattr, descriptor, name, value, size, flags));
}

int fremovexattr(int descriptor, const char *name) {
    CALL();
    path_of_descriptor(descriptor, call.path);
    snprintf(call.second, sizeof call.second, "%s", name);
    begin(&call, "removexattr", 1);
    if (trace >= 0) call.inode = inode_of_descriptor(descriptor);
    return (int)end(&call, call.fails ? -1 : KERNEL(fremovexattr, descriptor, name));
}

// MARK: Locks

static int control(int descriptor, int command, void *argument) {
    pthread_once(&once, setup);
    int locks = command == F_SETLK || command == F_OFD_SETLK || command == F_SETLEASE;
    if (!locks || !counts_locks) return (int)KERNEL(fcntl, descriptor, command, argument);
    CALL();
    path_of_descriptor(descriptor, call.path);
    begin(&call, "lock", 1);
    long result = call.fails ? -1 : KERNEL(fcntl, descriptor, command, argument);
    if (!call.is_counted) return (int)result;
    int saved = call.fails ? error_number : errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return (int)result;
}

int fcntl(int descriptor, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(descriptor, command, argument);
}
