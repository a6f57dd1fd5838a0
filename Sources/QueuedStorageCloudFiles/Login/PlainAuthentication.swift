import QueuedStorageCore
import QueuedStorageTransport

/// Swift's own way to log in, version 1: user and key in header fields, token and address in those of the answer.
///
/// Source: OpenStack Swift, "Auth System" (TempAuth); Rackspace Cloud Files 1.0, "Authentication".
struct PlainAuthentication: Authentication {
    var url: String
    var user: String
    var key: Secret
    var storageURL: String?
    let transport: Transport

    func login() async throws -> Login {
        let request = TransportRequest("GET", url, headers: ["X-Auth-User": user, "X-Auth-Key": key.value])
        let answer = try await transport.send(request)
        let failed = "The user \(FileName.quoted(user)) couldn't log in at \(FileName.quoted(url))"
        guard (200..<300).contains(answer.status) else {
            throw await answer.failure(failed, codes: [404: .invalidConfiguration, 405: .invalidConfiguration])
                .without(key)
        }
        guard let token = answer.headers["X-Auth-Token"] ?? answer.headers["X-Storage-Token"], !token.isEmpty,
            let address = storageURL ?? answer.headers["X-Storage-Url"], !address.isEmpty
        else { throw StorageError.noToken(failed, answer) }
        try await answer.discard()
        return Login(token: Secret(token), storageURL: address.withoutSlashesAtEnd)
    }
}

extension StorageError {
    /// Something answered, but not as a Swift server does.
    static func noToken(_ failed: String, _ answer: TransportResponse) -> StorageError {
        StorageError(
            .failed,
            """
            \(failed): what answered with status \(answer.status)\(answer.saysHTML ? " and a page of HTML" : "") gave no \
            token, as a proxy or another server does; check the address.
            """
        )
    }
}
