extension FileReader {
    /// Reads in pieces of one size, whatever the buffers are; the last one may be shorter.
    ///
    /// - Parameter size: The size of a piece, in bytes.
    /// - Returns: The same bytes, in pieces.
    public func pieces(of size: Int) -> FileReader {
        precondition(size > 0, "A piece has at least one byte.")
        return cut { bytes, _ in bytes.count >= size ? bytes.startIndex + size : nil }
    }

    /// Reads line by line, each with the LF, CR or CR LF that it ends in; the last one may have none.
    ///
    /// A line is in memory as a whole, however long it is.
    public var lines: FileReader {
        let (lf, cr) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
        return cut { bytes, searched in
            // A CR that was last may have been the first half of a CR LF.
            let rest = bytes.dropFirst(Swift.max(0, searched - 1))
            guard let index = rest.firstIndex(where: { $0 == lf || $0 == cr }) else { return nil }
            if bytes[index] == lf { return index + 1 }
            guard index + 1 < bytes.endIndex else { return nil }
            return bytes[index + 1] == lf ? index + 2 : index + 1
        }
    }

    /// Cuts the bytes anew.
    ///
    /// - Parameter end: Finds the end of the first piece of what was read so far, given how many bytes it saw before.
    /// - Returns: A reader whose buffers are the pieces; what follows the last end is the last piece.
    private func cut(_ end: @escaping @Sendable (ArraySlice<UInt8>, Int) -> Int?) -> FileReader {
        FileReader(size: size) {
            let next = makeAsyncIterator().read
            let rest = Shared(ArraySlice<UInt8>())
            return {
                var bytes = rest.value
                var searched = 0
                while true {
                    if let end = end(bytes, searched) {
                        rest.value = bytes[end...]
                        return Array(bytes[..<end])
                    }
                    searched = bytes.count
                    guard let buffer = try await next() else {
                        rest.value = []
                        return bytes.isEmpty ? nil : Array(bytes)
                    }
                    bytes = bytes + buffer
                }
            }
        }
    }
}
