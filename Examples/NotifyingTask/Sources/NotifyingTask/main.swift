import Foundation
import QueuedStorageKit

let directory = CommandLine.arguments.dropFirst().first ?? "notifying-task-data"
try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)

let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
let reports = try QueuedStorage(
    "reports",
    local: FileSystemStorage(location: "\(directory)/local"),
    remote: FileSystemStorage(location: "\(directory)/remote"),
    catalog: catalog,
    task: TransferAndNotify { print("over there: \($0.name) (\($0.id).\($0.generation)) as \($0.remoteName)") }
)

let name = try await reports.save("2026/january.txt", .text("All is well.\n"))
print("saved: \(name)")

// As a service it would be run(), in a ServiceGroup.
try await TransferWorker(catalog: catalog, storages: [reports]).runUntilIdle()
