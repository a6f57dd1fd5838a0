import TestSupport
import FoundationEssentials
import Glibc
import QueuedStorageCore
import QueuedStorageSQLite

/// A queued storage over two directories and a catalog of its own, and what tests ask of it.
struct Bench: Sendable {
    let directory: String
    let local: FileSystemStorage
    let remote: TestRemote
    let catalog: SQLiteCatalog
    let time: any TimeSource
    let storage: QueuedStorage

    init(
        _ directory: String,
        alias: String = "files",
        remote: TestRemote? = nil,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        additionalTasks: [any TransferTask] = [],
        options: QueuedStorageOptions = QueuedStorageOptions(),
        time: any TimeSource = .system
    ) throws {
        self.directory = directory
        local = FileSystemStorage(location: "\(directory)/local", baseURL: "/media/")
        self.remote = remote ?? TestRemote(FileSystemStorage(location: "\(directory)/remote"))
        catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        self.time = time
        storage = try QueuedStorage(
            alias,
            local: local,
            remote: self.remote,
            catalog: catalog,
            delayed: delayed,
            task: task,
            additionalTasks: additionalTasks,
            options: options,
            environment: [:],
            time: time
        )
    }

    func worker(_ options: WorkerOptions = WorkerOptions()) -> TransferWorker {
        TransferWorker(catalog: catalog, storages: [storage], options: options, time: time)
    }

    /// Does everything that is due.
    func work() async throws { try await worker().runUntilIdle() }

    func text(_ name: String) async throws -> String {
        String(decoding: try await storage.open(name).collect(), as: UTF8.self)
    }

    func state(_ name: String) async throws -> FileState? { try await catalog.file(name, in: storage.alias)?.state }

    /// The text of a file below the directory; nil if there is none.
    func bytes(_ path: String) -> String? { try? String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8) }

    /// What lies in the local storage without a name.
    var litter: [String] {
        ["staging", "tmp", "trash"].flatMap { folder in
            everything("\(directory)/local/.qstore/\(folder)").filter { path in
                var status = stat()
                return stat("\(directory)/local/.qstore/\(folder)/\(path)", &status) == 0
                    && status.st_mode & S_IFMT == S_IFREG
            }
        }
    }

    /// The files below a folder of the directory, private ones left out.
    func tree(_ folder: String) -> Set<String> {
        let all = (try? FileManager.default.subpathsOfDirectory(atPath: "\(directory)/\(folder)")) ?? []
        return Set(
            all.filter { path in
                var status = stat()
                return !path.split(separator: "/").contains(".qstore")
                    && stat("\(directory)/\(folder)/\(path)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            }
        )
    }
}

/// Runs a body with a bench in a directory of its own.
func withBench(
    remote: (@Sendable (String) -> TestRemote)? = nil,
    delayed: Bool = false,
    task: any TransferTask = .transfer,
    additionalTasks: [any TransferTask] = [],
    options: QueuedStorageOptions = QueuedStorageOptions(),
    time: any TimeSource = .system,
    _ body: (Bench) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let bench = try Bench(
            directory,
            remote: remote?("\(directory)/remote"),
            delayed: delayed,
            task: task,
            additionalTasks: additionalTasks,
            options: options,
            time: time
        )
        try await body(bench)
    }
}
