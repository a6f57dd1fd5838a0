internal import CLinux
internal import Glibc

/// The calls that make files durable, and when one for all is worth it; each throws ``SystemError``, and blocks.
///
/// Source: syncfs(2) and sync_file_range(2); `sync_filesystem` and `ext4_sync_fs` of Linux.
struct SyncCalls: Sendable {
    /// Makes one file durable.
    var sync: @Sendable (OpenFile) throws -> Void
    /// Writes everything that is on a file's file system.
    ///
    /// ext4 without a journal writes names last, and lets the disk keep them in its cache, until something is synced.
    var syncFileSystem: @Sendable (OpenFile) throws -> Void
    /// Throws if writing to the file failed since it was opened.
    var awaitWriting: @Sendable (OpenFile) throws -> Void
    /// Whether to make everything durable for the sake of a few files.
    var isGroupWorthIt: @Sendable (OpenFile) -> Bool

    /// Those of the kernel.
    static let kernel = Self(
        sync: { file in
            guard fsync(file.descriptor) == 0 else { throw SystemError(errno, "fsync") }
        },
        syncFileSystem: { file in
            guard clinux_syncfs(file.descriptor) == 0 else { throw SystemError(errno, "syncfs") }
        },
        awaitWriting: { file in
            // As a failed sync of the file itself.
            guard clinux_await_writing(file.descriptor) == 0 else { throw SystemError(errno, "fsync") }
        },
        // Another file system may have the number by now, and be of another kind.
        isGroupWorthIt: { haveSyncfs($0) && unwrittenByteCount() <= mostUnwritten }
    )

    /// Whether `syncfs` makes everything durable on the file system of a file: names, too, and written by the disk.
    static func haveSyncfs(_ file: OpenFile) -> Bool {
        [
            clinux_EXT4_SUPER_MAGIC, clinux_XFS_SUPER_MAGIC, clinux_BTRFS_SUPER_MAGIC, clinux_F2FS_SUPER_MAGIC,
        ].contains(clinux_filesystem_type(file.descriptor))
    }

    /// `syncfs` writes whatever anybody wrote: with more bytes than this, it takes too long for a few small files.
    private static let mostUnwritten: Int64 = 64 << 20

    /// How many bytes of this machine's files wait to be written; very many if nobody knows.
    private static func unwrittenByteCount() -> Int64 {
        guard let file = try? OpenFile(source: "/proc/meminfo") else { return .max }
        var buffer = [UInt8](repeating: 0, count: 8192)
        guard let count = try? file.read(into: &buffer, at: 0) else { return .max }
        var kibibytes: Int64 = 0
        for line in buffer[..<count].split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard words.count > 1, words[0].elementsEqual("Dirty:".utf8) || words[0].elementsEqual("Writeback:".utf8)
            else { continue }
            guard let number = Int64(String(decoding: words[1], as: UTF8.self)) else { return .max }
            kibibytes += number
        }
        return kibibytes << 10
    }
}
