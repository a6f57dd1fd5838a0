import Foundation
import Glibc

/// What queued storage does with a file, as a loop of system calls: as durable at the end, but without a catalog, a check
/// of names, a comparison of what arrived, or an answer to "what if it dies here?".
enum BareCalls {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
    }

    /// Writes bytes to a new file of a directory, and syncs both.
    static func save(_ bytes: [UInt8], as name: String, in directory: String) throws {
        try write(name, in: directory) { file in
            guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw Failure("write") }
        }
    }

    /// Renames a dropped file into the local directory, and copies it to the remote one; syncs all.
    static func deliver(_ name: String, from inbox: String, local: String, remote: String) throws {
        guard rename("\(inbox)/\(name)", "\(local)/\(name)") == 0 else { throw Failure("rename") }
        try sync(directory: local)
        try copy("\(local)/\(name)", as: name, in: remote)
    }

    /// The call of that name, which Glibc's headers show to GNU sources only.
    private static let syncfs = unsafeBitCast(dlsym(nil, "syncfs"), to: (@convention(c) (CInt) -> CInt).self)

    /// Syncs the file system of a directory.
    static func syncFileSystem(of directory: String) throws {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open \(directory)") }
        defer { close(file) }
        guard syncfs(file) == 0 else { throw Failure("syncfs") }
    }

    /// Writes bytes to a new file of a directory, and leaves syncing to the caller.
    static func saveUnsynced(_ bytes: [UInt8], as name: String, in directory: String) throws {
        try write(name, in: directory, syncs: false) { file in
            guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw Failure("write") }
        }
    }

    /// Renames a dropped file into the local directory, copies it to the remote one, and leaves syncing to the caller.
    static func deliverUnsynced(_ name: String, from inbox: String, local: String, remote: String) throws {
        guard rename("\(inbox)/\(name)", "\(local)/\(name)") == 0 else { throw Failure("rename") }
        try copy("\(local)/\(name)", as: name, in: remote, syncs: false)
    }

    private static func copy(
        _ source: String,
        as name: String,
        in directory: String,
        syncs: Bool = true
    ) throws {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw Failure("open \(source)") }
        defer { close(input) }
        try write(name, in: directory, syncs: syncs) { output in
            try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
                while true {
                    let count = read(input, buffer.baseAddress, buffer.count)
                    guard count >= 0 else { throw Failure("read") }
                    guard count > 0 else { return }
                    guard Glibc.write(output, buffer.baseAddress, count) == count else { throw Failure("write") }
                }
            }
        }
    }

    private static func write(
        _ name: String,
        in directory: String,
        syncs: Bool = true,
        _ body: (CInt) throws -> Void
    ) throws {
        let temporary = "\(directory)/.\(name).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failure("open \(temporary)") }
        defer { close(file) }
        try body(file)
        if syncs { guard fdatasync(file) == 0 else { throw Failure("fdatasync") } }
        guard rename(temporary, "\(directory)/\(name)") == 0 else { throw Failure("rename") }
        if syncs { try sync(directory: directory) }
    }

    private static func sync(directory: String) throws {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open \(directory)") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw Failure("fsync") }
    }

    /// Does something a number of times, on so many threads.
    static func repeated(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<threads {
                group.addTask {
                    try await onThread {
                        for index in stride(from: thread, to: count, by: threads) { try body(index) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
        }
    }
}
