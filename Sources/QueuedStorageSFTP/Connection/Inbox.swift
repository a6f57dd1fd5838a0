internal import Glibc

/// Cuts what comes from a socket into packets; the bytes of files are received where they stay.
struct Inbox {
    struct Packet {
        var type: UInt8
        /// What stands after the type.
        var body: ArraySlice<UInt8>
        /// A file's bytes, for a packet of the type `data`, whose identifier alone is in ``body``.
        var data: [UInt8]?
    }

    enum Received { case some, nothing, end }

    /// The longest packet that is taken, file's bytes excepted.
    private static let maxByteCount = 4 << 20
    /// How much is asked for when nothing is known of what comes: little, so that files' bytes aren't copied.
    private static let usualByteCount = 8 << 10

    private var buffer = [UInt8](repeating: 0, count: 32 << 10)
    private var start = 0
    private var end = 0
    /// A packet of a file's bytes that is still coming: its identifier, and how much is there.
    private var large: (id: ArraySlice<UInt8>, data: [UInt8], count: Int)?
    /// How many bytes the next packet has at least.
    private var needed = 0

    /// Receives what is there.
    mutating func receive(from socket: Int32) -> Received {
        let count: Int
        if large != nil {
            count = receiveLarge(from: socket)
        } else {
            makeRoom()
            let wanted = max(Self.usualByteCount, needed - (end - start))
            let (first, limit) = (end, min(end + wanted, buffer.count))
            count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress.map { $0 + first }, limit - first, 0) }
            if count > 0 { end += count }
        }
        if count > 0 { return .some }
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? .nothing : .end
    }

    private mutating func receiveLarge(from socket: Int32) -> Int {
        guard var packet = large else { return 0 }
        large = nil
        let first = packet.count
        let count = packet.data.withUnsafeMutableBytes {
            recv(socket, $0.baseAddress.map { $0 + first }, $0.count - first, 0)
        }
        if count > 0 { packet.count += count }
        large = packet
        return count
    }

    private mutating func makeRoom() {
        if start == end {
            start = 0
            end = 0
        }
        let wanted = max(Self.usualByteCount, needed)
        if start + wanted <= buffer.count, end + Self.usualByteCount <= buffer.count { return }
        buffer.replaceSubrange(0..<(end - start), with: Array(buffer[start..<end]))
        end -= start
        start = 0
        if buffer.count < wanted + Self.usualByteCount {
            buffer += [UInt8](repeating: 0, count: wanted + Self.usualByteCount - buffer.count)
        }
    }

    /// Takes the next packet that is complete.
    mutating func next() throws(MalformedPacket) -> Packet? {
        if let packet = large {
            guard packet.count == packet.data.count else { return nil }
            large = nil
            return Packet(type: PacketType.data, body: packet.id, data: packet.data)
        }
        let available = end - start
        guard available >= 5 else {
            needed = 5
            return nil
        }
        let length = number(at: start)
        guard length >= 1, length <= Self.maxByteCount else {
            throw MalformedPacket(description: unreadable)
        }
        if buffer[start + 4] == PacketType.data {
            guard available >= 13 else {
                needed = 13
                return nil
            }
            return try nextData(length: length, available: available)
        }
        guard available >= 4 + length else {
            needed = 4 + length
            return nil
        }
        needed = 0
        let packet = Packet(
            type: buffer[start + 4],
            body: ArraySlice(Array(buffer[(start + 5)..<(start + 4 + length)]))
        )
        start += 4 + length
        return packet
    }

    private mutating func nextData(length: Int, available: Int) throws(MalformedPacket) -> Packet? {
        let count = number(at: start + 9)
        guard count == length - 9 else { throw MalformedPacket() }
        needed = 0
        let id = ArraySlice(Array(buffer[(start + 5)..<(start + 9)]))
        let first = start + 13
        if available >= 13 + count {
            start = first + count
            return Packet(type: PacketType.data, body: id, data: Array(buffer[first..<(first + count)]))
        }
        let here = end - first
        let data = [UInt8](unsafeUninitializedCapacity: count) { data, initialized in
            // The rest is received into it before anybody sees it.
            for index in 0..<here { data[index] = buffer[first + index] }
            initialized = count
        }
        large = (id, data, here)
        start = end
        return nil
    }

    private func number(at index: Int) -> Int {
        var value = 0
        for byte in buffer[index..<(index + 4)] { value = value << 8 | Int(byte) }
        return value
    }

    /// What comes when a login shell prints something before SFTP begins.
    private var unreadable: String {
        let text = String(decoding: buffer[start..<min(end, start + 80)], as: UTF8.self)
        return "the server sent something that isn't SFTP, beginning with \"\(text.filter { $0 >= " " })\""
    }
}
