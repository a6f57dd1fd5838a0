public import QueuedStorageCore

/// The file in a model's field: a name in the field's storage, or content that isn't saved yet.
///
/// ```swift
/// var photo = Photo(title: "Sunset", image: .init(.file("sunset.jpg")))
/// try await photo.save(in: catalog)
/// for try await buffer in try await photo.image!.open() { … }
/// ```
/// In the database and in JSON it is its name. Two are equal if their names are, byte by byte.
///
/// A field that may be empty is best declared optional; in one that isn't, an empty ``QueuedFieldFile`` stands for NULL.
public struct QueuedFieldFile<Field: QueuedFileField>: Sendable {
    var content: FieldContent

    init(_ content: FieldContent) { self.content = content }

    /// Makes an empty one.
    public init() { content = .empty }

    /// Names a file that the storage has already.
    ///
    /// - Parameter name: The file's name in the field's storage; an empty one means no file.
    public init(name: String) { content = name == "" ? .empty : .stored(name) }

    /// Holds new content, to be saved with the model.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - filename: What to make the name of, together with ``QueuedFileField/uploadTo``: it is cleaned, and refused if
    ///     it leads out of the storage.
    public init(_ content: FileContent, named filename: String) {
        self.content = .unsaved(UnsavedFile(filename: filename, content: content))
    }

    /// Holds a new file of this machine, to be saved with the model under the file's own name.
    ///
    /// - Parameter content: A file, made by `FileContent/file(_:contentType:)`; other content has no name of its own, and
    ///   gets the name `file`.
    public init(_ content: FileContent) {
        let path = if case .path(let path) = content.source { path } else { "" }
        let filename = path.split(separator: "/").last.map(String.init) ?? "file"
        self.init(content, named: filename)
    }

    /// Holds new content that a client sent, to be saved with the model.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - clientName: What the client called it; of a path, only the last component counts, whatever its separators.
    /// - Throws: `StorageError` with `invalidName` if nothing is left of the name.
    public init(uploaded content: FileContent, clientName: String) throws {
        self.init(content, named: try FileName.uploaded(FileName.sanitizedUpload(clientName) ?? ""))
    }

    /// The file's name in the storage; of content that isn't saved, the wanted one; nil if there is no file.
    public var name: String? { content.name }

    /// Whether there is no file.
    public var isEmpty: Bool { name == nil }

    /// Whether the file is in the storage, or there is none.
    public var isSaved: Bool {
        switch content {
        case .empty, .stored: true
        case .unsaved: false
        case .staged(let staged): staged.isCommitted
        }
    }
}

extension QueuedFieldFile: Hashable {
    /// Compares the names, byte by byte.
    public static func == (lhs: Self, rhs: Self) -> Bool { lhs.name.map(NameKey.init) == rhs.name.map(NameKey.init) }

    /// Compares the name with a text, byte by byte; an empty one equals no file.
    ///
    /// - Parameters:
    ///   - lhs: The file.
    ///   - rhs: A name.
    /// - Returns: Whether they are the same.
    public static func == (lhs: Self, rhs: String) -> Bool { NameKey(lhs.name ?? "") == NameKey(rhs) }

    /// Hashes the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name.map(NameKey.init)) }
}

extension QueuedFieldFile: CustomStringConvertible {
    /// The name; nothing if there is no file.
    public var description: String { name ?? "" }
}
