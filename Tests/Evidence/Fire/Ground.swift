import Foundation
import Glibc
import TestSupport

/// Where it all happens: drop folders, a storage, a database, and places outside from which files come.
struct Ground: Sendable {
    let qstore: String
    let path: String
    let inboxes: [String]
    /// On another file system; nil if there is none.
    let across: String?
    /// Directories in each drop folder that are there from the beginning.
    static let directories = [""] + (0..<8).map { "d\($0)/" } + ["d1/deep/deeper/", "d2/with space/"]

    var outbox: String { path + "/outbox" }
    var local: String { path + "/local" }
    var remote: String { path + "/remote" }
    var database: String { path + "/q.sqlite" }

    init(qstore: String, directory: String, folders: Int) throws {
        self.qstore = qstore
        let path = "\(directory)/qstore-fire-\(getpid())"
        self.path = path
        inboxes = (1...folders).map { "\(path)/inbox-\($0)" }
        let places = ["\(path)/outbox", "\(path)/local", "\(path)/remote", "\(path)/logs"]
        let inside = inboxes.flatMap { inbox in Self.directories.map { "\(inbox)/\($0)" } + ["\(inbox)/again"] }
        for place in places + inside {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        }
        let other = "/dev/shm/qstore-fire-\(getpid())"
        try? FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        let isOther = try? device(of: other) != device(of: path)
        across = isOther == true ? other : nil
        if across == nil { rmdir(other) }
    }

    func remove() {
        for place in [path, across].compactMap({ $0 }) { try? FileManager.default.removeItem(atPath: place) }
    }

    /// The drop folder of a batch.
    func inbox(of batch: DropBatch) -> String { inboxes[batch.number % inboxes.count] }

    // MARK: qstore

    var storageFlags: [String] { ["--local", local, "--remote", remote, "--database", database] }

    /// Starts a command of `qstore`.
    func start(_ arguments: [String]) throws -> TestProcess {
        var environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("QSTORE_") && !$0.key.hasPrefix("QUEUED_")
        }
        environment["QUEUED_STORAGE_RETRY_DELAY"] = "0"
        return try TestProcess(
            qstore,
            arguments,
            environment: environment,
            directory: path,
            input: .file("/dev/null")
        )
    }

    /// Runs a command of `qstore` to its end.
    func run(_ arguments: [String]) async throws -> ProcessOutput { try await start(arguments).end() }

    /// Runs a command that has to succeed.
    func succeed(_ arguments: [String]) async throws -> ProcessOutput {
        let said = try await run(arguments)
        guard said.status == 0 else {
            throw EvidenceError("qstore \(arguments.joined(separator: " ")): \(said.ending)")
        }
        return said
    }
}

private func device(of path: String) throws -> dev_t {
    var status = stat()
    guard stat(path, &status) == 0 else { throw EvidenceError("\(path) can't be looked at") }
    return status.st_dev
}
