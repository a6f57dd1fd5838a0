import QueuedStorageCore

/// A directory that several processes have as their local storage: what lies there, and whose locks are held.
final class SimulatedDisk: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let identity = FileName.randomIdentifier()
    var owner: String?
    /// What lies under final names.
    var files: [String: [UInt8]] = [:]
    var directories: Set<String> = [""]
    /// What waits for its name, by its place.
    var staged: [String: [UInt8]] = [:]
    /// The tokens whose locks are held by processes.
    var aliveTokens: Set<String> = []
    /// The tokens that have a file.
    var tokens: Set<String> = []
    /// Of those, the ones of the dead that somebody is just taking over.
    var takenOver: Set<String> = []

    static func directories(of name: String) -> [String] {
        Array(sequence(first: FileName.split(name).directory) { FileName.split($0).directory }.prefix { $0 != "" })
    }

    /// Gives bytes a name.
    func put(_ bytes: [UInt8], as name: String, replacing: Bool) throws {
        func refusal(_ code: StorageError.Code, _ reason: String) -> StorageError {
            StorageError(code, name: name, "\"\(name)\" couldn't be stored: \(reason)")
        }
        let parents = Self.directories(of: name)
        if parents.contains(where: { files[$0] != nil }) { throw refusal(.notADirectory, "a file is in the way") }
        if directories.contains(name) {
            throw refusal(replacing ? .isDirectory : .alreadyExists, "it is a directory")
        }
        if files[name] != nil, !replacing { throw refusal(.alreadyExists, "the name is taken") }
        directories.formUnion(parents)
        files[name] = bytes
    }

    func bytes(of name: String) throws -> [UInt8] {
        if let bytes = files[name] { return bytes }
        if directories.contains(name) { throw StorageError(.isDirectory, name: name, "\"\(name)\" is a directory") }
        if Self.directories(of: name).contains(where: { files[$0] != nil }) {
            throw StorageError(.notADirectory, name: name, "a file is where a directory of \"\(name)\" should be")
        }
        throw StorageError(.notFound, name: name, "there is no \"\(name)\"")
    }

    func list(_ directory: String) throws -> DirectoryListing {
        guard directories.contains(directory) else {
            throw StorageError(.notFound, name: directory, "there is no \"\(directory)\"")
        }
        let isChild = { (name: String) in name != "" && FileName.split(name).directory == directory }
        return DirectoryListing(
            directories: directories.filter(isChild).map { FileName.split($0).base },
            files: files.keys.filter(isChild).map { FileName.split($0).base }
        )
    }
}
