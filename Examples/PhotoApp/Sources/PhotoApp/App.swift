import Foundation
import GRDB
import QueuedStorageKit

/// What the program is made of, declared once; another process of the same app declares the same.
struct App: Sendable {
    static let shared: App = {
        do {
            return try App(directory: CommandLine.arguments.dropFirst().first ?? "photo-app-data")
        } catch {
            fatalError("the app can't start: \(error)")
        }
    }()

    let pool: DatabasePool
    let catalog: SQLiteCatalog
    let photos: QueuedStorage
    let previews: QueuedStorage

    private init(directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        pool = try DatabasePool(path: "\(directory)/app.sqlite")
        catalog = try SQLiteCatalog(pool)
        photos = try QueuedStorage(
            "photos",
            local: FileSystemStorage(location: "\(directory)/media/photos"),
            remote: FileSystemStorage(location: "\(directory)/archive/photos"),
            catalog: catalog,
            task: .transferAndDelete
        )
        previews = try QueuedStorage(
            "previews",
            local: FileSystemStorage(location: "\(directory)/media/previews"),
            remote: FileSystemStorage(location: "\(directory)/archive/previews"),
            catalog: catalog,
            options: QueuedStorageOptions(preferredSide: .local)
        )
    }
}
