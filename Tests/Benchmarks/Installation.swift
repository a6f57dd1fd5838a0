import Foundation
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite
import ServiceLifecycle

/// A queued storage over two directories, with a drop folder and a catalog of its own.
struct Installation: Sendable {
    let directory: String
    let catalog: SQLiteCatalog
    let storage: QueuedStorage

    var inbox: String { "\(directory)/inbox" }
    var local: String { "\(directory)/local" }
    var remote: String { "\(directory)/remote" }
    var database: String { "\(directory)/catalog.sqlite" }
    /// Where files wait until they are dropped: on the inbox's file system.
    var waiting: String { "\(directory)/waiting" }

    /// What tells the command of all this.
    var flags: [String] { [inbox, "--local", local, "--remote", remote, "--database", database] }

    init(_ directory: String, task: any TransferTask = .transfer) throws {
        self.directory = directory
        for folder in ["inbox", "local", "remote", "waiting"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(folder)",
                withIntermediateDirectories: true
            )
        }
        catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        storage = try QueuedStorage(
            "bench",
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: FileSystemStorage(location: "\(directory)/remote"),
            catalog: catalog,
            task: task,
            environment: [:]
        )
    }

    /// Makes files that wait to be dropped, and lets the disk come to rest.
    func prepare(_ count: Int, size: Int, in folder: String? = nil) throws {
        let bytes = Data((0..<min(size, 1 << 20)).map { _ in UInt8.random(in: 0...255) })
        for index in 0..<count {
            let path = "\(folder ?? waiting)/\(Self.name(index))"
            try bytes.write(to: URL(fileURLWithPath: path))
            guard size > bytes.count else { continue }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            for offset in stride(from: 0, to: size, by: bytes.count) {
                try file.seek(toOffset: UInt64(offset))
                try file.write(contentsOf: bytes.prefix(size - offset))
            }
            try file.close()
        }
        sync()
    }

    static func name(_ index: Int) -> String { "file-\(index).bin" }

    /// Drops one of the files that wait.
    func drop(_ index: Int) throws {
        guard rename("\(waiting)/\(Self.name(index))", "\(inbox)/\(Self.name(index))") == 0 else {
            throw BareCalls.Failure("rename")
        }
    }

    /// How many files are on the remote, verified.
    func transferred() async throws -> Int {
        try await catalog.counts().first { $0.alias == storage.alias }?.counts[.remote] ?? 0
    }

    /// Waits until so many files are on the remote.
    func waitUntilTransferred(_ count: Int) async throws {
        let changes = catalog.changes
        guard try await transferred() < count else { return }
        for await _ in changes where try await transferred() >= count { return }
    }

    /// Runs the drop folder and a worker while something is done, which begins once the folder is watched.
    func whileWatching(_ body: () async throws -> Void) async throws {
        let (scans, scanned) = AsyncStream<Void>.makeStream()
        var logger = Logger(label: "qstore-bench")
        logger.logLevel = .critical
        let folder = DropFolder(inbox, into: storage, logger: logger, time: .system) { event in
            if case .scanned = event { scanned.yield() }
        }
        let worker = TransferWorker(catalog: catalog, storages: [storage], logger: logger)
        let services = ServiceGroup(services: [worker, folder], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            for await _ in scans { break }
            try await body()
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
