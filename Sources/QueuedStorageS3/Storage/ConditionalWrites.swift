internal import QueuedStorageCore

/// Whether the server refuses by itself to overwrite an object, found out once.
actor ConditionalWrites {
    private var answer: Bool?
    private var trial: Task<Bool, any Error>?

    init(_ choice: S3ConditionalWrites, isAmazon: Bool) {
        switch choice {
        case .always: answer = true
        case .never: answer = false
        case .automatic: answer = isAmazon ? true : nil
        }
    }

    /// Whether the server refuses.
    func areRefused(tryingOut attempt: @escaping @Sendable () async throws -> Bool) async throws -> Bool {
        if let answer { return answer }
        if let trial { return try await trial.value }
        // One trial for all who wait; it outlives the one who asked first if that one is cancelled.
        let task = Task { try await attempt() }
        trial = task
        defer { trial = nil }
        let result = try await task.value
        if answer == nil { answer = result }
        return answer ?? result
    }

    /// Learns that the server knows no conditions.
    func learnUnknown() { answer = false }
}

extension S3Storage {
    /// Tells whether the server itself refuses to overwrite an object, so that of two writers of a name one wins.
    ///
    /// A server that isn't Amazon's is tried out once, with an empty object in the storage's private folder, which is
    /// deleted again.
    func refusesOverwrites() async throws -> Bool {
        try await conditions.areRefused { [self] in
            let key = location.prefix + FileName.privateComponent + "/condition"
            var request = S3Request(
                "PUT",
                key,
                verb: "tried for conditional writes",
                headers: [("if-none-match", "*")]
            )
            request.expectsETag = true
            let refusals: Set<String> = ["NotImplemented", "HTTP 501", "PreconditionFailed", "HTTP 412"]
            do {
                _ = try await client.send(request, refusals: refusals)
            } catch let refusal as S3Refusal {
                return refusal.failure.status == 412
            }
            let isRefused: Bool
            do {
                _ = try await client.send(request, refusals: refusals)
                // It overwrote what was there.
                isRefused = false
            } catch let refusal as S3Refusal {
                isRefused = refusal.failure.status == 412
            }
            _ = try? await client.send(S3Request("DELETE", key, verb: "deleted"))
            return isRefused
        }
    }
}
