import QueuedStorageCore
import QueuedStorageTransport

/// How names become identifiers of documents, and back.
///
/// An identifier is the prefix and the name, `/` included. Identifiers that begin with `_` are CouchDB's own; without a
/// prefix, a name that begins with `_` or `~` has a `~` put before it.
///
/// Source: CouchDB's documentation, "Documents", on identifiers and special documents.
struct DocumentIDs: Hashable, Sendable {
    /// What all identifiers begin with; never a `_`.
    let prefix: String

    /// The identifier of a name, or what those of all names begin with that begin so.
    func id(_ name: String) -> String {
        guard prefix.isEmpty else { return prefix + name }
        return name.utf8.first == UInt8(ascii: "_") || name.utf8.first == UInt8(ascii: "~") ? "~" + name : name
    }

    /// The name of an identifier; nil if it isn't one of ours.
    func name(_ id: String) -> String? {
        guard prefix.isEmpty else {
            return id.utf8.starts(with: prefix.utf8) ? String(Substring(id.utf8.dropFirst(prefix.utf8.count))) : nil
        }
        switch id.utf8.first {
        case UInt8(ascii: "_"): return nil
        case UInt8(ascii: "~"): return String(Substring(id.utf8.dropFirst()))
        default: return id
        }
    }

    /// The identifier as a path's component.
    static func path(_ id: String) -> String { "/" + id.percentEncoded() }
}
