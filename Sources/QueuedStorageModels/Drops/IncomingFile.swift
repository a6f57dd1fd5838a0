import Foundation
import QueuedStorageCore

/// A file that came in through a drop folder, as a model is made of it.
public struct IncomingFile: Sendable {
    /// Its path below the drop folder.
    public let path: String
    /// The absolute path under which it was dropped.
    public let originalPath: String
    /// The sidecar's JSON object, as it was written; nil if there was none.
    public let metadata: String?

    init(_ drop: DroppedFile) {
        path = drop.name
        originalPath = drop.originalPath
        metadata = drop.metadata
    }

    /// The last component of its path.
    public var filename: String { FileName.split(path).base }

    /// The file's name without its extensions: `a` of `2026/a.tar.gz`.
    public var stem: String { FileName.splitExtension(filename).root }

    /// A text of the sidecar; nil if there is no sidecar, no such key, or it isn't a text.
    ///
    /// - Parameter key: The key.
    public subscript(key: String) -> String? {
        guard let metadata else { return nil }
        let object = try? JSONSerialization.jsonObject(with: Data(metadata.utf8)) as? [String: Any]
        return object?[key] as? String
    }

    /// Reads the sidecar.
    ///
    /// - Parameter type: What to read it as.
    /// - Returns: The value; nil if there is no sidecar.
    /// - Throws: `DecodingError`: the file goes to quarantine, with the reason beside it.
    public func decodeMetadata<Value: Decodable>(as type: Value.Type) throws -> Value? {
        try metadata.map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
}
