import QueuedStorageCore
import QueuedStorageTransport

extension FTPStorage {
    /// Does something, and says in its errors what it was and on which file.
    func act<Value>(_ what: String, _ name: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw failure(error, what, name)
        }
    }

    /// What went wrong, as a sentence about a file.
    func failure(_ error: any Error, _ what: String, _ name: String) -> any Error {
        // Not those of a content's reader.
        guard let error = error as? StorageError, error.name == nil, error.cause is ServerFailure else { return error }
        let subject = name.isEmpty ? "The storage's directory" : "The file \(FileName.quoted(name))"
        let reason: String
        var code = error.code
        // What the transport says of encryption is better than the reply that a server gave to it.
        let isEncryption = [35, 60, 64, 77].contains(CurlError(behind: error)?.code)
        if let reply = Reply(refusalIn: error), !isEncryption {
            let (meaning, advice) = reply.meaning
            (code, reason) = (meaning, Self.sentence(reply, advice, address: server.address))
        } else {
            reason = error.message
        }
        return StorageError(
            code,
            name: name.isEmpty ? nil : name,
            "\(subject) couldn't be \(what): \(reason)",
            retryAfter: error.retryAfter,
            cause: error.cause
        )
    }

    /// The error that a refusal is.
    func refusal(_ reply: Reply) -> StorageError {
        let (code, advice) = reply.meaning
        return StorageError(
            code,
            Self.sentence(reply, advice, address: server.address),
            cause: ServerFailure(subjects: reply.subjects)
        )
    }

    /// The error that the refusal of something that is there is: what may pass for its absence is a lack of permission.
    func denial(_ reply: Reply) -> StorageError {
        let refusal = refusal(reply)
        let code = refusal.code == .notFound ? .denied : refusal.code
        return StorageError(code, refusal.message, cause: refusal.cause)
    }

    private static func sentence(_ reply: Reply, _ advice: String, address: String) -> String {
        let line = FileName.quoted(String((reply.lines.last ?? "").prefix(300)))
        return "The server \"\(address)\" answered \(line)\(advice.isEmpty ? "" : "; \(advice)")."
    }

    /// What a refusal of a file's content comes from: the code 550 also says that there is none, or a directory.
    func explained(_ error: any Error, _ path: String, _ name: String) async throws -> any Error {
        guard let reply = Reply(error), [450, 501, 550, 553].contains(reply.code) else { return error }
        guard let entry = try await entry(path) else { return missing(name) }
        if entry.kind == .directory {
            return StorageError(.isDirectory, name: name, "\(FileName.quoted(name)) is a directory on the FTP server.")
        }
        return StorageError(
            reply.code == 450 ? .failed : .denied,
            name: name,
            """
            The file \(FileName.quoted(name)) couldn't be read, though it is there: the server "\(server.address)" \
            answered \(FileName.quoted(reply.lines.last ?? "")); check what the user may do there.
            """,
            cause: (error as? StorageError)?.cause
        )
    }
}

/// Does something to its end, also for a task that is cancelled.
func shielded<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await Task.detached(operation: body).value
}
