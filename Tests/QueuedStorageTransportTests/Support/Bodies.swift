import QueuedStorageCore
import Synchronization

/// A signal that a test waits for.
final class Signal: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()

    func fire() { continuation.yield() }

    /// Returns once it was fired, once for each firing.
    func wait() async {
        for await _ in stream { return }
    }
}

extension FileReader {
    /// A reader of buffers of one size that are made as they are asked for.
    ///
    /// - Parameters:
    ///   - count: How many bytes there are.
    ///   - taken: Is told how many bytes were taken so far.
    /// - Returns: A reader.
    static func generated(_ count: Int64, taken: @escaping @Sendable (Int64) throws -> Void = { _ in }) -> FileReader {
        FileReader(size: count) {
            let position = Mutex<Int64>(0)
            return {
                let (start, end) = position.withLock { position -> (Int64, Int64) in
                    let start = position
                    position = Swift.min(count, start + Int64(FileReader.bufferSize))
                    return (start, position)
                }
                try taken(start)
                return start < end ? [UInt8](repeating: 5, count: Int(end - start)) : nil
            }
        }
    }

    /// A reader that gives one buffer and then nothing until its task is cancelled.
    static func stuck(after buffer: [UInt8]) -> FileReader {
        FileReader(size: nil) {
            let isFirst = Mutex(true)
            return {
                let gives = isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
                if gives { return buffer }
                let never = AsyncStream<Void> { _ in }
                for await _ in never {}
                throw CancellationError()
            }
        }
    }
}

/// Waits for a value from another thread.
final class Promise<Value: Sendable>: Sendable {
    private let (stream, continuation) = AsyncStream<Value>.makeStream()

    func fulfil(_ value: Value) { continuation.yield(value) }

    var value: Value? {
        get async {
            for await value in stream { return value }
            return nil
        }
    }
}
