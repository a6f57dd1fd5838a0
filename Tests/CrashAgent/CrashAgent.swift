import Glibc
import QueuedStorageCore
import QueuedStorageSQLite

/// Does one thing with a queued storage, and dies or pauses before the step that it was told.
///
/// `crash-agent DIRECTORY STEP kill|pause COMMAND NAME [TEXT]`, with the commands `save`, `replace`, `delete`, `work`
/// and `work-and-delete`. The directory holds `local`, `remote` and `catalog.sqlite`. It prints `done STEPS` at the end.
@main
enum CrashAgent {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let directory = arguments[1]
        let steps = Steps(target: Int(arguments[2]) ?? 0, pauses: arguments[3] == "pause")
        let command = arguments[4]
        let name = arguments[5]
        let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        let storage = try QueuedStorage(
            "crash",
            local: SteppingLocal(base: FileSystemStorage(location: "\(directory)/local"), steps: steps),
            remote: SteppingRemote(base: FileSystemStorage(location: "\(directory)/remote"), steps: steps),
            catalog: catalog,
            task: command == "work-and-delete" ? .transferAndDelete : .transfer
        )
        switch command {
        case "save":
            say("saved \(try await storage.save(name, .text(arguments[6])))")
        case "replace":
            say("saved \(try await storage.save(name, .text(arguments[6]), options: StoreOptions(replaces: true)))")
        case "delete":
            try await storage.delete(name)
        case "transfer-and-delete":
            try await storage.transfer(name, task: "TransferAndDelete")
        default:
            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()
        }
        try await storage.settle()
        say("done \(steps.total)")
    }
}
