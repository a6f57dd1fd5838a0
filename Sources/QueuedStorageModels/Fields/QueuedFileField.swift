public import QueuedStorageCore

/// A field that holds files: which storage they go to, under which names, and what becomes of them.
///
/// The field is a type, so that a ``QueuedFieldFile`` survives coding without carrying its settings. A model has a type of
/// its own for each of its fields.
/// ```swift
/// enum Image: QueuedFileField {
///     static let storage = photos
///     static let uploadTo: UploadPath = "photos/%Y/%m/%d"
/// }
/// ```
public protocol QueuedFileField: Sendable {
    /// The storage of the field's files. It may be computed, so that tests put another behind it.
    static var storage: QueuedStorage { get }
    /// Where in the storage files go; the root by default.
    static var uploadTo: UploadPath { get }
    /// The longest name that the column takes, in Unicode scalars; 100 by default, as in Django.
    static var maxLength: Int { get }
    /// What becomes of the file whose row is deleted; by default it is deleted.
    static var onDelete: FilePolicy { get }
    /// What becomes of the file that gives way to another, or to nothing; by default it is deleted.
    static var onReplace: FilePolicy { get }
    /// The property's name, in error messages; by default the type's, with a small first letter.
    static var attribute: String { get }
}

extension QueuedFileField {
    /// The storage's root.
    public static var uploadTo: UploadPath { "" }
    /// 100 Unicode scalars.
    public static var maxLength: Int { 100 }
    /// The file is deleted.
    public static var onDelete: FilePolicy { .delete }
    /// The file is deleted.
    public static var onReplace: FilePolicy { .delete }
    /// The type's name, with a small first letter.
    public static var attribute: String {
        let name = String(describing: Self.self)
        return name.prefix(1).lowercased() + name.dropFirst()
    }
}

/// What becomes of a file that no row has any longer.
///
/// Django keeps it, because it couldn't delete it safely: its deletion wouldn't roll back, and other rows might have the
/// file too. Here the deletion is part of the row's own commit, and a file that another row of the table has stays; what is
/// kept would only be found by an inventory. So deleting is the default.
public enum FilePolicy: String, CaseIterable, Hashable, Sendable {
    /// It stays, and belongs to nobody.
    case keep
    /// It is deleted, on both sides, in the same commit.
    case delete
}
