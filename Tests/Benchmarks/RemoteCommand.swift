import ArgumentParser
import Foundation
import QueuedStorageCore
import QueuedStorageS3

/// Measures a remote: one large file and many small ones, there and back.
///
/// `Tests/Benchmarks/remotes` runs it beside other programs.
struct RemoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remote",
        abstract:
            "Brings a file, or the files of a directory, to a remote and back; prints seconds of wall and CPU time."
    )

    @Argument(help: "The remote's address.")
    var url: String
    @Argument(help: "A file or a directory of files.")
    var source: String
    @Option(help: "How many files are under way at once.")
    var tasks = 16
    @Flag(help: "Make the bucket first, if it is one and isn't there.")
    var makeBucket = false
    @Flag(help: "Fetch the files, which are there already, and forget their bytes.")
    var fetch = false

    func run() async throws {
        var types = StorageTypes()
        types.registerS3()
        let (type, options) = try types.read(StorageURL(url))
        let environment = ProcessInfo.processInfo.environment
        let remote = try types.storage(type, options, secrets: StorageSecrets(alias: "bench", environment: environment))
        if makeBucket, let bucket = remote as? S3Storage { try await bucket.createBucket() }
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: source, isDirectory: &isDirectory)
        let name = URL(fileURLWithPath: source).lastPathComponent
        let names =
            isDirectory.boolValue
            ? try FileManager.default.contentsOfDirectory(atPath: source).map { "\(name)/\($0)" } : [name]
        let parent = URL(fileURLWithPath: source).deletingLastPathComponent().path

        let start = ContinuousClock.now
        let (fetch, tasks) = (fetch, tasks)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<min(tasks, names.count) {
                group.addTask {
                    for name in stride(from: task, to: names.count, by: tasks).map({ names[$0] }) {
                        if fetch {
                            for try await _ in try await remote.open(name) {}
                        } else {
                            try await Self.send("\(parent)/\(name)", as: name, to: remote)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let cpu = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        let wall = (ContinuousClock.now - start) / .milliseconds(1) / 1000
        print(String(format: "%.3f s wall, %.3f s CPU, %d MiB resident", wall, cpu, usage.ru_maxrss >> 10))
    }

    /// As a transfer does it: large files in pieces.
    private static func send(_ path: String, as name: String, to remote: any Storage) async throws {
        let content = FileContent.file(path)
        let size = (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64) ?? 0
        let options = StoreOptions(replaces: true, computesSHA256: true)
        if let remote = remote as? any ResumableStorage, size >= remote.resumableFrom {
            let upload = Upload(id: FileName.randomIdentifier(), name: name)
            _ = try await remote.append(content, to: upload, at: 0, options: options)
            var last = options
            last.computesSHA256 = false
            _ = try await remote.finish(upload, options: last)
        } else {
            _ = try await remote.store(content, as: name, options: options)
        }
    }
}
