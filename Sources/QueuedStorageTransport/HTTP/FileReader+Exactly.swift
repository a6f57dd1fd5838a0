package import QueuedStorageCore

extension FileReader {
    /// The content of an answer that must have a number of bytes.
    ///
    /// - Parameters:
    ///   - count: How many bytes there must be, after those that are skipped.
    ///   - skipped: How many bytes of the beginning are of no use: those before a range that the server didn't look at.
    ///   - isWhole: Whether nothing may follow.
    ///   - failed: What failed, as a sentence's beginning.
    ///   - name: The file's name.
    /// - Returns: The bytes; reading them throws `StorageError` with `failed` if there are fewer
    ///   or more.
    package func exactly(
        _ count: Int64,
        after skipped: Int64 = 0,
        isWhole: Bool = true,
        failed: String,
        name: String
    ) -> FileReader {
        FileReader(size: count) {
            let next = makeAsyncIterator().read
            let missing = Shared((skipped: skipped, count: count))
            return {
                while true {
                    var (skipped, count) = missing.value
                    if count == 0, !isWhole { return nil }
                    guard let buffer = try await next() else {
                        if count == 0 { return nil }
                        throw StorageError(
                            .failed,
                            name: name,
                            "\(failed): the server's answer ended \(count) bytes before the file does."
                        )
                    }
                    let drop = Swift.min(skipped, Int64(buffer.count))
                    skipped -= drop
                    var wanted = buffer.dropFirst(Int(drop))
                    if isWhole, Int64(wanted.count) > count {
                        throw StorageError(
                            .failed,
                            name: name,
                            "\(failed): the server's answer is longer than the file; something else may have answered."
                        )
                    }
                    wanted = wanted.prefix(Int(clamping: count))
                    count -= Int64(wanted.count)
                    missing.value = (skipped, count)
                    if !wanted.isEmpty { return Array(wanted) }
                }
            }
        }
    }
}
