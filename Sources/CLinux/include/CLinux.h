/// The system calls and constants of Linux that Swift's `Glibc` module lacks, as plain prototypes.
///
/// Each function calls the one system call of its name, retries it after EINTR, and answers like it: a value of 0 or more, or
/// -1 with `errno` set. Functions whose comment says "Returns errno" return 0 or the error's number instead, so
/// that nothing can overwrite it in between.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Constants

/// Flags of `open` and `openat2` (open(2)).
extern const int clinux_O_TMPFILE;
extern const int clinux_O_PATH;
extern const int clinux_O_DIRECT;
extern const int clinux_O_NOATIME;

/// A file descriptor itself, not what lies below it (openat(2), "AT_EMPTY_PATH").
extern const int clinux_AT_EMPTY_PATH;

/// Resolution flags of `openat2` (openat2(2), "resolve").
extern const uint64_t clinux_RESOLVE_BENEATH;
extern const uint64_t clinux_RESOLVE_NO_SYMLINKS;
extern const uint64_t clinux_RESOLVE_NO_MAGICLINKS;
extern const uint64_t clinux_RESOLVE_NO_XDEV;

/// Flags of `renameat2` (rename(2)).
extern const unsigned int clinux_RENAME_NOREPLACE;
extern const unsigned int clinux_RENAME_EXCHANGE;

/// Whence values of `lseek` that find data and holes (lseek(2)).
extern const int clinux_SEEK_DATA;
extern const int clinux_SEEK_HOLE;

/// Modes of `fallocate` (fallocate(2)).
extern const int clinux_FALLOC_FL_KEEP_SIZE;
extern const int clinux_FALLOC_FL_PUNCH_HOLE;

/// Advice for `posix_fadvise` (posix_fadvise(2)).
extern const int clinux_POSIX_FADV_SEQUENTIAL;
extern const int clinux_POSIX_FADV_DONTNEED;

/// Flags of `setxattr` (setxattr(2)).
extern const int clinux_XATTR_CREATE;
extern const int clinux_XATTR_REPLACE;

/// Flags of `eventfd` (eventfd(2)).
extern const int clinux_EFD_CLOEXEC;
extern const int clinux_EFD_NONBLOCK;

// MARK: Opening and renaming

/// Opens a path below a directory, with the kernel keeping the resolution inside (openat2(2), Linux 5.6).
/// EAGAIN, which a rename elsewhere can cause, is retried a few times.
int clinux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/// Renames, by the flags only onto a free name, or exchanging two (rename(2)).
int clinux_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags);

/// Gives a name to a file that was opened with O_TMPFILE, through /proc/self/fd, which needs no capability (open(2)).
int clinux_link_descriptor(int descriptor, int directory, const char *name);

// MARK: Copying

/// Copies bytes inside the kernel (copy_file_range(2)); offsets may be null.
ssize_t clinux_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, size_t count);

/// Makes one file share the blocks of another one (ioctl_ficlone(2)).
int clinux_clone(int destination, int source);

/// Allocates or frees blocks of a file (fallocate(2)).
int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length);

/// Tells the kernel how a file will be read (posix_fadvise(2)). Returns errno.
int clinux_fadvise(int descriptor, int64_t offset, int64_t length, int advice);

/// Tells when a file was made, in nanoseconds since 1970 (statx(2), STATX_BTIME). Returns errno; ENOTSUP where
/// the file system doesn't know. `path` may be empty for the descriptor itself; symbolic links are not followed.
int clinux_birth_time(int directory, const char *path, int64_t *nanoseconds);

// MARK: Locks

/// Takes a write lock on a whole file for this open file description (fcntl(2), "Open file description locks").
/// Doesn't wait. Returns errno: EAGAIN or EACCES if somebody else holds one.
int clinux_ofd_lock(int descriptor);

/// Gives the lock of an open file description back. Returns errno.
int clinux_ofd_unlock(int descriptor);

/// Tells whether another open file description holds a lock that would keep a write lock out. Returns errno.
int clinux_ofd_query(int descriptor, int *is_locked);

/// Asks the kernel whether somebody has a file open for writing, by taking a read lease and giving it back at once
/// (fcntl(2), F_SETLEASE). Returns errno: 0 if nobody has, EAGAIN if somebody has, anything else if the kernel can't
/// tell. Ignore SIGIO before the first call: a writer that opens the file meanwhile causes one, which by default kills.
int clinux_lease_probe(int descriptor);

/// Ignores SIGIO in this process, unless it has a handler already.
void clinux_ignore_sigio(void);

// MARK: File systems

/// Makes all of a descriptor's file system durable (syncfs(2)); -1 and errno, also after a failure of which nobody has heard.
int clinux_syncfs(int descriptor);

/// Waits until what the kernel has begun to write of a file is written (sync_file_range(2)); -1 and errno, also after a
/// failure since the descriptor was opened.
int clinux_await_writing(int descriptor);

/// The kind of file system that a descriptor is on: `f_type` of statfs(2); -1 on error.
int64_t clinux_filesystem_type(int descriptor);

extern const int64_t clinux_EXT4_SUPER_MAGIC;
extern const int64_t clinux_XFS_SUPER_MAGIC;
extern const int64_t clinux_BTRFS_SUPER_MAGIC;
extern const int64_t clinux_F2FS_SUPER_MAGIC;
extern const int64_t clinux_TMPFS_MAGIC;
extern const int64_t clinux_OVERLAYFS_SUPER_MAGIC;
extern const int64_t clinux_NFS_SUPER_MAGIC;
extern const int64_t clinux_SMB_SUPER_MAGIC;
extern const int64_t clinux_SMB2_SUPER_MAGIC;
extern const int64_t clinux_CIFS_SUPER_MAGIC;
extern const int64_t clinux_FUSE_SUPER_MAGIC;
extern const int64_t clinux_V9FS_MAGIC;
extern const int64_t clinux_CEPH_SUPER_MAGIC;

/// Extended attributes (fsetxattr(2), fgetxattr(2), fremovexattr(2)).
int clinux_fsetxattr(int descriptor, const char *name, const void *value, size_t size, int flags);
ssize_t clinux_fgetxattr(int descriptor, const char *name, void *value, size_t size);
int clinux_fremovexattr(int descriptor, const char *name);

// MARK: Events, time, identity

/// A descriptor that counts events (eventfd(2)).
int clinux_eventfd(unsigned int initial, int flags);

/// A pipe whose ends have the flags (pipe2(2)).
int clinux_pipe2(int descriptors[2], int flags);

/// The time since the machine started, sleep included, in nanoseconds (clock_gettime(2), CLOCK_BOOTTIME).
int64_t clinux_boottime(void);

/// Nanoseconds since 1970 or whatever a `struct timespec` counts from. Which of Clang's modules owns that structure depends
/// on the order in which the compiler loads them, so Swift can't rely on seeing its members.
int64_t clinux_nanoseconds(const void *timespec);

/// The kernel's number of the calling thread (gettid(2)).
int clinux_gettid(void);

/// Continues a CRC-32C (RFC 3720, appendix B.4) over more bytes; begin with 0.
uint32_t clinux_crc32c(uint32_t sum, const void *bytes, size_t count);

/// Starts a program, found by PATH, with the three descriptors as its standard ones, in a session of its own, so that no
/// terminal reaches it, and with all signals as they are by default (posix_spawn(3)). Returns errno.
/// Descriptors that aren't close-on-exec go to it, too.
int clinux_spawn(const char *file, char *const arguments[], char *const environment[], int input, int output, int error,
                 pid_t *process);

/// Fills a buffer with random bytes that nobody can guess (getrandom(2)). Returns errno.
int clinux_random(void *buffer, size_t count);

// MARK: Memory

/// Lets the allocator (mallopt(3)) return blocks of a size or larger to the kernel as soon as they are freed. By itself it
/// comes to keep them for later, in pools of several threads.
void clinux_return_blocks(int size);

#endif
