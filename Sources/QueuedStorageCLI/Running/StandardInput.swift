import Glibc
import QueuedStorageCore
import Synchronization

extension FileReader {
    /// The bytes of an open descriptor up to its end, read on a thread that may block.
    ///
    /// - Parameters:
    ///   - file: The descriptor, which stays open as long as the reader is used.
    ///   - size: How many bytes will come, if that is known.
    ///   - progress: Is told how many bytes were read so far.
    init(reading file: OpenFile, size: Int64?, progress: @escaping @Sendable (Int64) -> Void = { _ in }) {
        self.init(size: size) {
            let count = ReadCount()
            return {
                let bytes = try await blocking { try Self.read(file.descriptor) }
                guard !bytes.isEmpty else { return nil }
                progress(count.add(Int64(bytes.count)))
                return bytes
            }
        }
    }

    private static func read(_ descriptor: Int32) throws -> [UInt8] {
        while true {
            var code: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: bufferSize) { buffer, count in
                let result = Glibc.read(descriptor, buffer.baseAddress, bufferSize)
                code = result < 0 ? errno : 0
                count = result < 0 ? 0 : result
            }
            switch code {
            case 0: return bytes
            case EINTR: continue
            case EAGAIN:
                // The stream is shared with somebody who set it to non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&waiting, 1, -1)
            default: throw SystemError(code, "read")
            }
        }
    }
}

/// Adds up what one reader read.
private final class ReadCount: Sendable {
    private let total = Mutex<Int64>(0)

    func add(_ count: Int64) -> Int64 {
        total.withLock {
            $0 += count
            return $0
        }
    }
}
