public import GRDB
import Foundation
import QueuedStorageCore

extension QueuedFieldFile: Codable {
    /// Reads a name; null and an empty text mean no file.
    ///
    /// - Parameter decoder: The decoder.
    /// - Throws: `DecodingError` if there is no text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self.init(name: container.decodeNil() ? "" : try container.decode(String.self))
    }

    /// Writes the name, or null.
    ///
    /// - Parameter encoder: The encoder.
    /// - Throws: `EncodingError` if the content isn't saved: it would be lost.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        guard isSaved else {
            throw EncodingError.invalidValue(
                self,
                EncodingError.Context(
                    codingPath: encoder.codingPath,
                    debugDescription: "The content \"\(self)\" isn't saved yet, and can't be encoded."
                )
            )
        }
        if let name { try container.encode(name) } else { try container.encodeNil() }
    }
}

extension QueuedFieldFile: DatabaseValueConvertible {
    /// The name, or NULL.
    ///
    /// Content that isn't recorded with its row has a value that the column of ``GRDB/TableDefinition/queuedFile(_:maxLength:)``
    /// refuses, so that no SQL can store a name without its file.
    public var databaseValue: DatabaseValue {
        switch content {
        case .empty: .null
        case .stored(let name): name.databaseValue
        case .unsaved: Self.refused
        case .staged(let staged): staged.isWritable ? staged.name.databaseValue : Self.refused
        }
    }

    private static var refused: DatabaseValue { Data([0]).databaseValue }

    /// Reads a name; an empty text means no file.
    ///
    /// - Parameter dbValue: The column's value.
    /// - Returns: The file; nil if the value is no text.
    public static func fromDatabaseValue(_ dbValue: DatabaseValue) -> Self? {
        String.fromDatabaseValue(dbValue).map { Self(name: $0) }
    }
}

extension KeyedDecodingContainer {
    /// Reads a field that isn't optional: null means no file.
    ///
    /// - Parameters:
    ///   - type: The field's type.
    ///   - key: The key.
    /// - Returns: The file.
    /// - Throws: `DecodingError` if there is no such key: a row without the column must not look like one without a file.
    public func decode<Field>(
        _ type: QueuedFieldFile<Field>.Type,
        forKey key: Key
    ) throws -> QueuedFieldFile<Field> {
        guard contains(key) else {
            throw DecodingError.keyNotFound(
                key,
                DecodingError.Context(codingPath: codingPath, debugDescription: "There is no \"\(key.stringValue)\".")
            )
        }
        return try decodeIfPresent(type, forKey: key) ?? QueuedFieldFile()
    }
}
