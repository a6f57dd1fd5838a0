import ArgumentParser
import Foundation
import Glibc
import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageFTP
import QueuedStorageS3
import QueuedStorageSFTP

/// Our side where `Tests/Benchmarks/Remotes/measure` measures remotes beside other programs.
struct RemoteCommand: AsyncParsableCommand {
    /// Which way the files go.
    enum Direction: String, CaseIterable, ExpressibleByArgument { case upload, download }

    static let configuration = CommandConfiguration(
        commandName: "remote",
        abstract: "Uploads all files of a directory as a worker does, without the catalog; or downloads them into it."
    )

    @Argument(help: "Which way: \(Direction.allCases.map(\.rawValue).joined(separator: " or ")).")
    var direction: Direction
    @Argument(help: "The remote's address.")
    var url: String
    @Argument(help: "The directory of the files.")
    var directory: String
    @Option(help: "How many files are under way at once.")
    var tasks = 16

    func run() async throws {
        var types = StorageTypes()
        types.registerCloudFiles()
        types.registerFTP()
        types.registerS3()
        types.registerSFTP()
        let (type, options) = try types.read(StorageURL(url))
        let secrets = StorageSecrets(alias: "bench", environment: ProcessInfo.processInfo.environment)
        let remote = try types.storage(type, options, secrets: secrets)
        let (direction, directory, tasks) = (direction, directory, tasks)
        let names =
            direction == .upload
            ? try FileManager.default.contentsOfDirectory(atPath: directory) : try await remote.list("").files
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, name) in names.enumerated() {
                if index >= tasks { try await group.next() }
                group.addTask {
                    switch direction {
                    case .upload: try await Self.upload("\(directory)/\(name)", as: name, to: remote)
                    case .download: try await Self.download(name, of: remote, to: "\(directory)/\(name)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func upload(_ path: String, as name: String, to remote: any Storage) async throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw CocoaError(.fileReadNoSuchFile) }
        // The worker has it from the catalog.
        let size = Int64(status.st_size)
        let stored =
            if let remote = remote as? any ResumableStorage, size >= remote.resumableFrom {
                try await uploadInPieces(path, size, as: name, to: remote)
            } else {
                try await remote.store(.file(path), as: name, options: StoreOptions(computesSHA256: true))
            }
        guard stored.verifiedBy == nil else { return }
        guard try await remote.size(stored.name) == size else { throw ValidationError("\(name) isn't whole there") }
    }

    private static func uploadInPieces(
        _ path: String,
        _ size: Int64,
        as name: String,
        to remote: any ResumableStorage
    ) async throws -> StoredObject {
        let upload = Upload(id: FileName.randomIdentifier(), name: name)
        guard try await !remote.exists(name) else { throw ValidationError("\(name) is there already") }
        let hash = Shared(FileHash())
        var end: Int64 = 0
        while end < size {
            let rest = try FileContent.file(path).reader(range: end..<size)
            let hashed = FileReader(size: rest.size) {
                let next = rest.makeAsyncIterator().read
                return {
                    let buffer = try await next()
                    if let buffer { hash.value.update(buffer) }
                    return buffer
                }
            }
            let held = end
            end = try await remote.append(FileContent(.stream(hashed)), to: upload, at: end, options: StoreOptions())
            guard end > held else { throw ValidationError("the remote took none of the bytes of \(name)") }
        }
        var stored = try await remote.finish(upload, options: StoreOptions(computesSHA256: false))
        stored.sha256 = hash.value.value
        return stored
    }

    private static func download(_ name: String, of remote: any Storage, to path: String) async throws {
        let reader = try await remote.open(name)
        let file = try await blocking {
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                throw CocoaError(.fileWriteUnknown)
            }
            return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        }
        for try await buffer in reader { try await blocking { try file.write(contentsOf: buffer) } }
        try await blocking { try file.close() }
    }
}
