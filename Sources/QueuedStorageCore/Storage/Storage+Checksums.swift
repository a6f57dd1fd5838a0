extension Storage {
    /// The SHA-256 of a stored file: the storage's word for it, else of every byte read back.
    package func sha256(of name: String, progress: @Sendable (Int64) -> Void = { _ in }) async throws -> String {
        if let storage = self as? any ChecksumStorage, let checksum = try await storage.checksum(name),
            checksum.algorithm == .sha256
        {
            return checksum.value
        }
        return try await open(name, range: nil).sha256(progress: progress)
    }
}

extension FileReader {
    /// Reads everything, and returns its SHA-256 in lower-case hexadecimal digits.
    package func sha256(progress: @Sendable (Int64) -> Void = { _ in }) async throws -> String {
        try await checksum(.sha256, progress: progress).value
    }

    /// Reads everything, and returns a checksum of it.
    package func checksum(
        _ algorithm: Checksum.Algorithm,
        progress: @Sendable (Int64) -> Void = { _ in }
    ) async throws -> Checksum {
        var digests = Digests(algorithm)
        var byteCount: Int64 = 0
        for try await buffer in self {
            digests.update(buffer)
            byteCount += Int64(buffer.count)
            progress(byteCount)
        }
        return digests.checksum(algorithm)
    }
}
