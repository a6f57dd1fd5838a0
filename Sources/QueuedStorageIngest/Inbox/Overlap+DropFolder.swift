import QueuedStorageCore

extension Overlap {
    /// Refuses a drop folder and a storage that lie in each other: each would take the other's files.
    ///
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/overlapping``.
    static func check(_ inbox: String, against occupied: [String]) throws {
        for path in occupied {
            let reason: String
            switch relation(inbox, path) {
            case .same, .inside: reason = "lies in \"\(path)\", which its storage uses"
            case .holds: reason = "holds \"\(path)\", which its storage uses"
            case nil: continue
            }
            throw DropFolderError(.overlapping, inbox, "the drop folder \"\(inbox)\" \(reason)")
        }
    }
}
