import QueuedStorageCore
import QueuedStorageTransport

/// The cause of errors that come from a server, or from the way to it: by it the others are told apart, such as those of
/// a content's reader.
struct ServerFailure: Error, CustomStringConvertible {
    /// What libcurl said; nil where an answer was wrong, or no connection was to be had.
    var curl: CurlError?
    /// The paths that the server was asked about.
    var subjects: [String] = []
    /// Whether the temporary file is all that there is of a file now.
    var keepsTemporary = false

    var description: String { curl?.description ?? "the server's answer" }
}

extension ServerFailure {
    /// What is behind an error, if it is one of a server.
    init?(behind error: any Error) {
        guard let failure = (error as? StorageError)?.cause as? ServerFailure else { return nil }
        self = failure
    }

    /// The error of a server, with what it was asked about.
    static func marked(_ error: StorageError, _ subjects: [String]) -> StorageError {
        guard !(error.cause is ServerFailure) else { return error }
        let failure = ServerFailure(curl: error.cause as? CurlError, subjects: subjects)
        return StorageError(error.code, name: error.name, error.message, retryAfter: error.retryAfter, cause: failure)
    }
}

extension CurlError {
    /// What libcurl said of a request that failed.
    init?(behind error: any Error) {
        let cause = (error as? StorageError)?.cause
        guard let curl = (cause as? ServerFailure)?.curl ?? cause as? CurlError else { return nil }
        self = curl
    }
}

/// An error of what reads the content that is sent: it isn't the server's.
struct ContentFailure: Error {
    let error: any Error
}
