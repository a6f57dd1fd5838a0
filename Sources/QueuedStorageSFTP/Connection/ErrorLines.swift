internal import Glibc

/// The last lines that a process wrote to its standard error.
struct ErrorLines {
    private static let maxCount = 40
    private static let maxByteCount = 4096

    private var complete: [String] = []
    private var partial: [UInt8] = []
    private(set) var isClosed = false

    var lines: [String] {
        complete + (partial.isEmpty ? [] : [String(decoding: partial, as: UTF8.self)])
    }

    /// Receives what is there.
    mutating func receive(from descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                append(buffer[..<count])
            } else {
                if count == 0 || ![EAGAIN, EWOULDBLOCK, EINTR].contains(errno) { isClosed = true }
                return
            }
        }
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                complete.append(String(decoding: partial, as: UTF8.self))
                partial = []
                if complete.count > Self.maxCount { complete.removeFirst() }
            } else if byte != UInt8(ascii: "\r"), partial.count < Self.maxByteCount {
                partial.append(byte)
            }
        }
    }
}
