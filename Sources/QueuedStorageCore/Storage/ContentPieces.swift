/// Cuts content into pieces of one size, numbered, and computes the SHA-256 of the whole on the way.
package actor ContentPieces {
    /// A part of the content.
    package struct Piece: Sendable {
        package var number: Int64
        package var bytes: [UInt8]
    }

    private let read: FileReader.Next
    private let size: Int64?
    private let pieceSize: Int
    private var number: Int64
    /// What stands before the content in its first piece.
    private var prefix: [UInt8]
    private var ahead: [UInt8]?
    private var byteCount: Int64 = 0
    private var hash: Digests?

    /// Begins to cut.
    ///
    /// - Parameters:
    ///   - reader: The content.
    ///   - pieceSize: The size of every piece but the last.
    ///   - number: The first piece's number.
    ///   - prefix: The bytes that the first piece has already, fewer than a piece's.
    ///   - hash: The checksum of what came before the content; none is computed if nil.
    package init(
        _ reader: FileReader,
        pieceSize: Int,
        number: Int64 = 0,
        prefix: [UInt8] = [],
        hash: Digests? = Digests(.sha256)
    ) {
        read = reader.makeAsyncIterator().read
        size = reader.size
        self.pieceSize = pieceSize
        self.number = number
        self.prefix = prefix
        self.hash = hash
    }

    /// Whether all was read.
    package var isAtEnd: Bool {
        get async throws {
            if ahead == nil { ahead = try await read() }
            return ahead == nil
        }
    }

    /// The next pieces, up to a number of bytes; none at the end.
    package func next(upTo limit: Int) async throws -> [Piece] {
        var pieces: [Piece] = []
        for _ in 0..<max(1, limit / pieceSize) {
            guard let bytes = try await nextBytes() else { break }
            pieces.append(Piece(number: number, bytes: bytes))
            number += 1
            if bytes.count < pieceSize { break }
        }
        return pieces
    }

    private func nextBytes() async throws -> [UInt8]? {
        var bytes = prefix
        prefix = []
        let known = bytes.count
        while bytes.count < pieceSize {
            var buffer = ahead
            ahead = nil
            if buffer == nil { buffer = try await read() }
            guard let buffer else { break }
            try Task.checkCancellation()
            let room = pieceSize - bytes.count
            if bytes.isEmpty, buffer.count == pieceSize {
                bytes = buffer
                break
            }
            bytes.reserveCapacity(pieceSize)
            bytes += buffer.prefix(room)
            if buffer.count > room { ahead = Array(buffer[room...]) }
        }
        guard bytes.count > known else { return nil }
        hash?.update(bytes[known...])
        byteCount += Int64(bytes.count - known)
        return bytes
    }

    /// How many bytes the content had, and the checksum up to its end, once it was read.
    package func total() throws -> (byteCount: Int64, sha256: [UInt8]?) {
        if let size, size != byteCount {
            throw StorageError(.damaged, "The content was said to have \(size) bytes, and had \(byteCount).")
        }
        return (byteCount, hash?.bytes(.sha256))
    }

    /// The checksum so far, to be gone on with.
    package func checksum() -> Digests? { hash }
}
