import FoundationEssentials
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite
import ServiceLifecycle
import UnixSignals

/// Does one thing with a queued storage, and dies or pauses before the step that it was told.
///
/// `crash-agent DIRECTORY STEP kill|pause COMMAND [NAME] [TEXT]`, with the commands `save`, `save-file`, `replace`, `delete`,
/// `transfer-and-delete`, `work`, `work-and-delete`, and `serve` (a worker until SIGTERM) and `watch` (also a drop folder).
/// The directory holds `local`, `remote`, `inbox` and `catalog.sqlite`, and `stores.log`, a line for each file that was
/// stored on the remote. At the end it prints `peak KILOBYTES` and `done STEPS`.
@main
enum CrashAgent {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let directory = arguments[1]
        let steps = Steps(target: Int(arguments[2]) ?? 0, pauses: arguments[3] == "pause")
        let command = arguments[4]
        let name = arguments.count > 5 ? arguments[5] : ""
        let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        let storage = try QueuedStorage(
            "crash",
            local: SteppingLocal(base: FileSystemStorage(location: "\(directory)/local"), steps: steps),
            remote: SteppingRemote(
                base: FileSystemStorage(location: "\(directory)/remote"),
                steps: steps,
                log: "\(directory)/stores.log"
            ),
            catalog: catalog,
            task: command == "work-and-delete" ? .transferAndDelete : .transfer
        )
        let worker = TransferWorker(catalog: catalog, storages: [storage])
        switch command {
        case "save":
            say("saved \(try await storage.save(name, .text(arguments[6])))")
        case "save-file":
            say("saved \(try await storage.save(name, .file(arguments[6])))")
        case "replace":
            say("saved \(try await storage.save(name, .text(arguments[6]), options: StoreOptions(replaces: true)))")
        case "delete":
            try await storage.delete(name)
        case "transfer-and-delete":
            try await storage.transfer(name, task: "TransferAndDelete")
        case "serve":
            try await run([worker])
        case "watch":
            try await run([worker, DropFolder("\(directory)/inbox", into: storage)])
        default:
            try await worker.runUntilIdle()
        }
        try await storage.settle()
        if let peak = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).firstMatch(
            of: /VmHWM:\s+(\d+) kB/
        ) {
            say("peak \(peak.1)")
        }
        say("done \(steps.total)")
    }

    private static func run(_ services: [any Service]) async throws {
        say("serving")
        try await ServiceGroup(
            services: services,
            gracefulShutdownSignals: [.sigterm],
            logger: Logger(label: "agent")
        ).run()
    }
}
