internal import Glibc

/// Bytes that a socket didn't take yet.
struct Outbox {
    private var pieces: [ArraySlice<UInt8>] = []
    private var first = 0

    var isEmpty: Bool { first == pieces.count }

    mutating func append(_ piece: ArraySlice<UInt8>) {
        if !piece.isEmpty { pieces.append(piece) }
    }

    /// Sends what the socket takes, without waiting for it.
    ///
    /// - Returns: Whether the socket still lives.
    mutating func flush(to socket: Int32) -> Bool {
        while !isEmpty {
            let count = Self.send(pieces[first], isEmpty(after: first + 1) ? [] : pieces[first + 1], to: socket)
            if count < 0 { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR }
            drop(count)
        }
        return true
    }

    private func isEmpty(after index: Int) -> Bool { index >= pieces.count }

    private mutating func drop(_ count: Int) {
        var count = count
        while count > 0 {
            let length = pieces[first].count
            if count < length {
                pieces[first] = pieces[first].dropFirst(count)
                return
            }
            count -= length
            // Let the bytes go at once.
            pieces[first] = []
            first += 1
        }
        if isEmpty {
            pieces.removeAll(keepingCapacity: true)
            first = 0
        } else if first > 256 {
            pieces.removeFirst(first)
            first = 0
        }
    }

    /// Sends two pieces in one call; SIGPIPE is not raised.
    private static func send(_ head: ArraySlice<UInt8>, _ tail: ArraySlice<UInt8>, to socket: Int32) -> Int {
        head.withUnsafeBytes { head in
            tail.withUnsafeBytes { tail in
                var vectors = (iovec(head), iovec(tail))
                return withUnsafeMutableBytes(of: &vectors) { vectors in
                    var message = msghdr()
                    message.msg_iov = vectors.bindMemory(to: iovec.self).baseAddress
                    message.msg_iovlen = tail.isEmpty ? 1 : 2
                    return sendmsg(socket, &message, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                }
            }
        }
    }
}

extension iovec {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }
}
