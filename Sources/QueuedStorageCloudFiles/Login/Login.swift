import QueuedStorageCore

/// What a server gave for a user's credentials.
struct Login: Sendable {
    /// Goes with each request until the server no longer takes it.
    var token: Secret
    /// The address of the account, without a slash at its end.
    var storageURL: String
}

/// A way to log in.
protocol Authentication: Sendable {
    /// Asks for a token.
    ///
    /// - Throws: `StorageError`, whose sentence has no secret in it.
    func login() async throws -> Login
}

extension StorageError {
    /// A login that failed, however the server words it: a secret that it repeats is left out.
    func without(_ secret: Secret) -> StorageError {
        guard !secret.value.isEmpty, message.contains(secret.value) else { return self }
        let clean = message.split(separator: secret.value, omittingEmptySubsequences: false).joined(separator: "•••")
        return StorageError(code, name: name, clean, retryAfter: retryAfter, cause: cause)
    }
}

extension String {
    /// The address without slashes at its end.
    var withoutSlashesAtEnd: String {
        var text = self[...]
        while text.last == "/" { text.removeLast() }
        return String(text)
    }
}
