public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: CopyingStorage {
    /// Where the server can copy (`copy-data`), the bytes stay there; else they pass through this process.
    public func copy(_ source: String, to destination: String) async throws {
        try FileName.validate(destination)
        let path = try path(source)
        let copiesData = try await act("copied", source, repeats: true) { $0.connection.features.copiesData }
        guard copiesData else {
            let content = FileContent(.stream(try await open(source, range: nil)))
            _ = try await store(content, as: destination, options: StoreOptions())
            return
        }
        try await act("copied", source) { lease in
            let connection = lease.connection
            let handle = try await connection.open(path, .read).handle
            defer { connection.forget(handle) }
            let attributes = try await connection.status(of: handle).attributes
            if attributes.isDirectory { throw error(.isDirectory, "copied", source, "it is a directory") }
            let name = try relativeName(destination)
            if try await find(self.path(name), connection) != nil {
                throw error(.alreadyExists, "stored", name, "the name is taken")
            }
            let draft = try await makeDraft(tag: nil, connection)
            do {
                try await copy(Int64(clamping: attributes.size ?? 0), of: handle, to: draft.handle, connection)
                try await complete(draft.handle, nil, connection)
                guard try await publish(draft.path, as: name, replaces: false, connection) else {
                    throw error(.alreadyExists, "stored", name, "the name is taken")
                }
            } catch {
                await discard(draft.path, connection)
                throw error
            }
        }
    }

    /// Copies in parts, so that no answer takes long.
    private func copy(_ size: Int64, of source: Handle, to draft: Handle, _ connection: Connection) async throws {
        do {
            for start in stride(from: 0, to: size, by: 64 << 20) {
                try await connection.copy(start..<min(start + 64 << 20, size), of: source, to: draft).done()
            }
        } catch {
            connection.forget(draft)
            throw await explained(error, connection)
        }
    }
}
