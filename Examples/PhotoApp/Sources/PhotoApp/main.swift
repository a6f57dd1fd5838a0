import GRDB
import Logging
import QueuedStorageKit
import ServiceLifecycle

let app = App.shared
// Not in the app's initializer: the migration asks the model's fields for their storages, and they ask the app.
try Photo.migrator.migrate(app.pool)

let worker = TransferWorker(catalog: app.catalog, storages: [app.photos, app.previews])
let services = ServiceGroup(services: [worker], logger: Logger(label: "PhotoApp"))

try await withThrowingTaskGroup(of: Void.self) { group in
    // In a real app the worker may be another process.
    group.addTask { try await services.run() }
    let arrivals = app.photos.fileTransferred
    group.addTask { await tell(arrivals) }

    var photo = Photo(
        title: "Sunset",
        image: .init(.bytes(Array(repeating: 0xFF, count: 100_000)), named: "sunset.jpg"),
        preview: .init(.bytes(Array(repeating: 0x80, count: 1000)), named: "sunset.jpg")
    )
    try await photo.save(in: app.catalog)
    print("saved photo \(photo.id ?? 0): \(photo.image?.name ?? "-"), preview \(photo.preview?.name ?? "-")")

    try await photo.image?.durable(on: .remote)
    try await photo.preview?.durable(on: .remote)

    // The old image is deleted in the commit that has the new one.
    let old = photo.image
    photo.image = .init(.bytes(Array(repeating: 0xEE, count: 200_000)), named: "sunset-edited.jpg")
    try await photo.save(in: app.catalog)
    print("replaced it by \(photo.image?.name ?? "-")")
    if let name = old?.name { print("the old one is \(try await app.photos.exists(name) ? "there" : "gone")") }
    try await photo.image?.durable(on: .remote)

    let events = app.catalog.events()
    try await photo.delete(in: app.catalog)
    print("deleted it; its files are gone for everybody")
    // Their copies on the remote are removed by the worker, soon after.
    var remaining = 2
    for await event in events where event.type == .deleted {
        print("removed: \(event.name) of \(event.storage)")
        remaining -= 1
        if remaining == 0 { break }
    }

    await services.triggerGracefulShutdown()
    group.cancelAll()
}

/// Tells which rows' files arrive; each file says whose it is.
func tell(_ arrivals: some AsyncSequence<FileTransferred, Never>) async {
    for await arrival in arrivals {
        let owner = arrival.owner.map { "\($0.model) \($0.row), \($0.field)" } ?? "nobody's"
        print("arrived: \(arrival.name) (\(owner))")
    }
}
