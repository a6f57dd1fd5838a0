package import QueuedStorageCore

/// What a server said instead of doing what it was asked for.
package struct S3Failure: Sendable {
    /// The HTTP status.
    package var status: Int
    /// The code, such as `NoSuchKey`; `HTTP 503` and the like where the answer has none.
    package var code: String
    /// The message, if there was one.
    package var message: String
    /// The region that the bucket is in, if the server says so.
    package var region: String?
    /// How long the server asks to be left alone.
    package var retryAfter: Duration?
    /// Whether the answer was a page for people: of a proxy, more likely than of the server.
    package var isPage = false
    /// Whether the name had to be free, and wasn't.
    package var meansTaken = false

    /// Whether the answer named a code of S3.
    package var hasCode: Bool { !code.hasPrefix("HTTP ") }

    /// Whether trying the same again at once may help.
    package var isTransient: Bool {
        ["InternalError", "OperationAborted", "ServiceUnavailable", "RequestTimeout"].contains(code)
            || !hasCode && [500, 502, 504].contains(status)
    }

    /// Whether the credentials came to their end.
    package var meansExpired: Bool {
        ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"].contains(code)
    }

    /// The kind of failure, as the queue tells them apart.
    ///
    /// Source: Amazon S3 API Reference, "Error responses", the list of codes.
    package var storageCode: StorageError.Code {
        if isPage, status < 400 { return .failed }
        if meansTaken { return .alreadyExists }
        switch code {
        case "NoSuchKey", "NoSuchVersion", "NoSuchUpload": return .notFound
        case "NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName",
            "IllegalLocationConstraintException", "InvalidStorageClass", "MethodNotAllowed", "InvalidRegion":
            return .invalidConfiguration
        case "AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch",
            "InvalidToken", "InvalidSecurity", "NotSignedUp", "ExpiredToken", "ExpiredTokenException",
            "TokenRefreshRequired", "UnauthorizedAccess", "InvalidObjectState", "KMS.DisabledException":
            return .denied
        case "SlowDown", "TooManyRequests", "RequestLimitExceeded", "Throttling", "ThrottlingException",
            "BandwidthLimitExceeded", "ServiceUnavailable":
            return .throttled
        // No request of ours is larger than S3 allows: it is another limit, such as a quota of OpenStack Swift's.
        case "QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge":
            return .full
        case "KeyTooLongError", "NotImplemented": return .notSupported
        case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody",
            "XAmzContentChecksumMismatch":
            return .damaged
        case "RequestTimeout": return .timedOut
        // A machine whose clock is wrong can be put right; what changed meanwhile is looked at anew.
        case "PreconditionFailed", "RequestTimeTooSkewed", "RequestExpired", "InternalError",
            "ConditionalRequestConflict",
            "OperationAborted":
            return .failed
        default: return Self.byStatus(status)
        }
    }

    private static func byStatus(_ status: Int) -> StorageError.Code {
        switch status {
        case 401, 403: .denied
        case 404: .notFound
        case 408: .timedOut
        case 429, 503: .throttled
        case 413, 507: .full
        case 301, 307, 308, 400, 405: .invalidConfiguration
        default: .failed
        }
    }

    /// The part of a sentence that says what the server said.
    package var sentence: String {
        if isPage {
            return "the server answered \(status) with a page for people, as a proxy or a login page does, not S3"
        }
        var text = "the server answered \(hasCode ? "\(code) (\(status))" : "with status \(status)")"
        if message != "" { text += ": \(message.last == "." ? String(message.dropLast()) : message)" }
        if let region { text += "; the bucket is in the region \"\(region)\", set region=\(region)" }
        switch code {
        case "SignatureDoesNotMatch": text += "; the secret key is not the one of the access key"
        case "RequestTimeTooSkewed": text += "; put this machine's clock right"
        case "EntityTooLarge": text += "; a quota is used up, or the server has a limit for one object: make room there"
        default: break
        }
        return text
    }

    /// The error that callers see.
    ///
    /// - Parameters:
    ///   - verb: What couldn't be done, such as `stored`.
    ///   - name: The file's name; nil if it is about the bucket.
    ///   - bucket: The bucket.
    /// - Returns: The error, with a sentence.
    package func error(_ verb: String, _ name: String?, bucket: String) -> StorageError {
        let subject = name.map { "The file \(FileName.quoted($0))" } ?? "The bucket \"\(bucket)\""
        let place = name == nil ? "" : " in the bucket \"\(bucket)\""
        return StorageError(
            storageCode,
            name: name,
            "\(subject) couldn't be \(verb)\(place): \(sentence).",
            retryAfter: retryAfter
        )
    }
}
