import Foundation
public import GRDB
public import QueuedStorageCore

extension Model {
    /// The column of a file field, for queries.
    ///
    /// ```swift
    /// let photo = try Photo.filter(Photo.column(\.image) == "photos/2026/01/05/cat.jpg").fetchOne(db)
    /// ```
    ///
    /// - Parameter field: The field's property.
    /// - Returns: The column.
    public static func column<Value: QueuedFieldValue>(_ field: KeyPath<Self, Value>) -> Column {
        guard let found = fileFields.fields.first(where: { $0.property == field as PartialKeyPath<Self> }) else {
            preconditionFailure("\(field) isn't among the fileFields of \(Self.self)")
        }
        return Column(found.column)
    }

    /// The rows whose field has a file.
    ///
    /// ```swift
    /// let photo = try Photo.filter(\.image, name).fetchOne(db)
    /// ```
    ///
    /// - Parameters:
    ///   - field: The field's property.
    ///   - name: The file's name.
    /// - Returns: A request.
    public static func filter<Value: QueuedFieldValue>(
        _ field: KeyPath<Self, Value>,
        _ name: String
    ) -> QueryInterfaceRequest<Self> { filter(column(field) == name) }

    /// The row that a file belongs to, such as one of an event.
    ///
    /// ```swift
    /// for await event in photos.fileTransferred {
    ///     if let owner = event.owner, let photo = try await pool.read({ try Photo.filter(owner).fetchOne($0) }) { … }
    /// }
    /// ```
    ///
    /// - Parameter owner: The owner; of another model, no row.
    /// - Returns: A request.
    public static func filter(_ owner: FileOwner) -> QueryInterfaceRequest<Self> {
        guard owner.model == databaseTableName else { return none() }
        // Which of the two the table has, its column's affinity decides.
        return filter(keys: [owner.row.databaseValue] + (UUID(uuidString: owner.row).map { [$0.databaseValue] } ?? []))
    }
}
