internal import QueuedStorageCore

/// Finds out from what `ssh` wrote why there is no connection.
///
/// The sentences are those of OpenSSH 7 to 10.
struct SSHFailure: Sendable {
    /// What was connected to, as errors name it.
    var place: String
    /// What `ssh` wrote to its standard error.
    var lines: [String]
    var hasPassword: Bool
    var knownHosts: String?

    /// The error that those who waited for the connection get.
    var error: StorageError {
        if let error = hostKeyError ?? loginError ?? networkError ?? setupError { return error }
        return StorageError(.offline, "\(place) can't be reached: \(said ?? "ssh ended without a word").")
    }

    private func line(with texts: String...) -> String? {
        lines.last { line in texts.contains { line.contains($0) } }
    }

    /// The last thing that ssh said, without the full stop at its end.
    var said: String? {
        lines.last { !$0.isEmpty && !$0.allSatisfy { $0 == "@" } }.map { Self.trimmed($0) }
    }

    private static func trimmed(_ line: String) -> String {
        var text = line.prefix(300)
        while let last = text.last, last.isWhitespace || last == "." { text.removeLast() }
        return String(text)
    }

    private var hostKeyError: StorageError? {
        if line(with: "REMOTE HOST IDENTIFICATION HAS CHANGED", "HOST IDENTIFICATION HAS CHANGED") != nil {
            let offending = line(with: "Offending").map { " The other key is in \(Self.place(of: $0))." } ?? ""
            let sent = lines.first { $0.hasPrefix("SHA256:") || $0.hasPrefix("MD5:") }
            let fingerprint = sent.map { " It showed the key \(Self.trimmed($0))." } ?? ""
            return StorageError(
                .denied,
                """
                \(place) has another host key than is known of it, so that nothing was sent: somebody may be in between, \
                or the server was set up anew.\(fingerprint)\(offending) Ask its administrator for the right key; if \
                it was changed on purpose, remove the old one (ssh-keygen -R) and add the new one.
                """
            )
        }
        if line(with: "host key for", "REVOKED") != nil,
            line(with: "was revoked", "is marked as revoked", "REVOKED") != nil
        {
            return StorageError(
                .denied,
                "\(place) showed a host key that is marked as revoked, so that nothing was sent."
            )
        }
        if line(with: "host key is known for", "Host key verification failed") != nil {
            return StorageError(
                .invalidConfiguration,
                """
                The host key of \(place) isn't known, so that nothing was sent. Get it from the server's administrator, or \
                with ssh-keyscan and compare its fingerprint, and add it to \(knownHosts ?? "~/.ssh/known_hosts").
                """
            )
        }
        return nil
    }

    /// `FILE:LINE` of a sentence such as `Offending ED25519 key in FILE:LINE`.
    private static func place(of line: String) -> String {
        line.firstRange(of: " key in ").map { trimmed(String(line[$0.upperBound...])) } ?? trimmed(line)
    }

    private var loginError: StorageError? {
        if let line = line(
            with: "Permission denied",
            "Too many authentication failures",
            "No more authentication methods"
        ) {
            let key = lines.first {
                $0.contains("not accessible") || $0.contains("bad permissions") || $0.contains("Load key")
            }
            let hint =
                key.map { " \(Self.trimmed($0))." }
                ?? (hasPassword
                    ? " Check the user and the password."
                    : " Check the user and the key; a key with a passphrase must be in the agent.")
            return StorageError(.denied, "\(place) refused the login: \(Self.trimmed(line)).\(hint)")
        }
        return nil
    }

    private var networkError: StorageError? {
        let texts = [
            "Could not resolve hostname", "Connection refused", "No route to host", "Connection timed out",
            "Operation timed out", "Network is unreachable", "Connection reset", "Connection closed by",
            "Broken pipe", "timed out", "Host is down", "Name or service not known", "banner exchange",
        ]
        guard let line = lines.last(where: { line in texts.contains { line.contains($0) } }) else { return nil }
        return StorageError(.offline, "\(place) can't be reached: \(Self.trimmed(line)).")
    }

    private var setupError: StorageError? {
        if line(with: "subsystem request failed") != nil {
            return StorageError(
                .invalidConfiguration,
                "\(place) has no SFTP: \(said ?? "the subsystem was refused"). Its administrator can turn it on."
            )
        }
        let texts = [
            "Bad configuration option", "Bad owner or permissions", "bad configuration options", "Unable to negotiate",
            "Bad SSH2 cipher spec", "missing argument", "keyword ", "invalid quotes", "Bad port",
        ]
        guard let line = lines.last(where: { line in texts.contains { line.contains($0) } }) else { return nil }
        return StorageError(.invalidConfiguration, "ssh couldn't connect to \(place): \(Self.trimmed(line)).")
    }
}
