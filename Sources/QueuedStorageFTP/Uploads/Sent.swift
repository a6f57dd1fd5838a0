import QueuedStorageCore

/// Content that counts what was read of it, and keeps its beginning.
struct Sent: Sendable {
    static let headSize = 64 << 10
    let reader: FileReader
    private let counted = Shared(Int64(0))
    private let kept = Shared<[UInt8]>([])

    /// How many bytes were read.
    var count: Int64 { counted.value }
    /// The first bytes that were read.
    var head: [UInt8] { kept.value }

    init(content: FileReader) {
        let (counted, kept) = (counted, kept)
        reader = FileReader(size: content.size) {
            let next = content.makeAsyncIterator().read
            return {
                guard let buffer = try await next() else { return nil }
                counted.value += Int64(buffer.count)
                if kept.value.count < Self.headSize { kept.value += buffer.prefix(Self.headSize - kept.value.count) }
                return buffer
            }
        }
    }
}
