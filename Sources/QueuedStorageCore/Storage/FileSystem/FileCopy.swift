internal import CLinux
internal import Glibc

/// Bytes on their way into a new file: written, counted and hashed in one pass.
///
/// Not for two threads at once.
package struct FileCopy {
    private let destination: OpenFile
    private let cancellation: Cancellation
    private let progress: (@Sendable (Int64) -> Void)?
    private var hash: FileHash?
    /// How many bytes the file has by now, holes included.
    package private(set) var size: Int64 = 0

    package init(
        to destination: OpenFile,
        computesSHA256: Bool,
        cancellation: Cancellation = Cancellation(),
        progress: (@Sendable (Int64) -> Void)? = nil
    ) {
        self.destination = destination
        self.cancellation = cancellation
        self.progress = progress
        hash = computesSHA256 ? FileHash() : nil
    }

    /// The SHA-256 of all bytes so far, in hexadecimal digits, if it is computed.
    package var sha256: String? { hash?.value }

    /// Appends bytes.
    package mutating func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(FileReader.bufferSize))
                try cancellation.check()
                try destination.write(piece, at: size)
                advance(by: Int64(piece.count), piece)
                rest = rest.dropFirst(piece.count)
            }
        }
    }

    /// Appends the bytes of a file: cloned if the file system can, else copied, and holes stay holes.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if the file shrinks meanwhile.
    package mutating func write(contentsOf source: OpenFile) throws {
        let status = try source.status()
        guard status.isRegularFile else { throw StorageError(.failed, "The content isn't a regular file.") }
        if size == 0, status.size > 0, clinux_clone(destination.descriptor, source.descriptor) == 0 {
            try adoptClone()
        } else if status.size == 0 {
            // Files of /proc say that they are empty.
            try copyBytes(of: source, from: 0, to: .max)
        } else {
            try copySparse(source, size: status.size)
        }
    }

    /// Hashes a clone by reading the clone itself, so that the hash is of what was stored whatever befalls the source.
    private mutating func adoptClone() throws {
        let cloned = try destination.status().size
        guard hash != nil else { return advance(by: cloned, nil) }
        var buffer = [UInt8](repeating: 0, count: FileReader.bufferSize)
        while size < cloned {
            try cancellation.check()
            let count = try destination.read(into: &buffer, at: size)
            guard count > 0 else { throw Self.shrunk }
            buffer.withUnsafeBytes { advance(by: Int64(count), UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    private mutating func copySparse(_ source: OpenFile, size total: Int64) throws {
        let start = size
        _ = clinux_fadvise(source.descriptor, 0, 0, clinux_POSIX_FADV_SEQUENTIAL)
        var position: Int64 = 0
        while position < total {
            var data = Int64(lseek(source.descriptor, off_t(position), clinux_SEEK_DATA))
            var hole = total
            if data < 0 {
                // ENXIO: nothing but a hole is left. Anything else: the file system can't tell.
                data = errno == ENXIO ? total : position
            }
            data = min(data, total)
            if data > position { try writeHole(data - position) }
            guard data < total else { break }
            let end = Int64(lseek(source.descriptor, off_t(data), clinux_SEEK_HOLE))
            if end > data { hole = min(end, total) }
            try copyBytes(of: source, from: data, to: hole)
            guard size == start + hole else { throw Self.shrunk }
            position = hole
        }
        // A hole at the end is only there if the size says so.
        guard ftruncate(destination.descriptor, off_t(size)) == 0 else { throw SystemError(errno, "ftruncate") }
    }

    /// Appends a part of a file that has no holes, up to its end if that comes first.
    private mutating func copyBytes(of source: OpenFile, from start: Int64, to end: Int64) throws {
        var position = start
        if hash == nil, end < .max {
            position = try copyInKernel(of: source, from: start, to: end)
        }
        var buffer = [UInt8](repeating: 0, count: Int(min(Int64(FileReader.bufferSize), max(0, end - position))))
        while position < end {
            try cancellation.check()
            let wanted = Int(min(Int64(buffer.count), end - position))
            let count = try buffer.withUnsafeMutableBytes {
                try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<wanted]), at: position)
            }
            guard count > 0 else { return }
            try buffer.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                try destination.write(piece, at: size)
                advance(by: Int64(count), piece)
            }
            position += Int64(count)
        }
    }

    /// Copies without the bytes passing through us, as far as the two file systems can; returns how far it came.
    private mutating func copyInKernel(of source: OpenFile, from start: Int64, to end: Int64) throws -> Int64 {
        var position = start
        while position < end {
            try cancellation.check()
            var target = size
            let wanted = Int(min(16 << 20, end - position))
            let count = clinux_copy_file_range(source.descriptor, &position, destination.descriptor, &target, wanted)
            if count < 0 {
                switch errno {
                // ENOSPC and the like would befall the other way too, and says so better there.
                case EXDEV, EOPNOTSUPP, ENOSYS, EINVAL, EPERM, ENOSPC, EDQUOT, EFBIG: return position
                default: throw SystemError(errno, "copy_file_range")
                }
            }
            if count == 0 { return position }
            advance(by: Int64(count), nil)
        }
        return position
    }

    private mutating func writeHole(_ count: Int64) throws {
        if hash != nil {
            let zeros = [UInt8](repeating: 0, count: FileReader.bufferSize)
            var rest = count
            while rest > 0 {
                try cancellation.check()
                let piece = Int(min(rest, Int64(zeros.count)))
                zeros.withUnsafeBytes { hash?.update(UnsafeRawBufferPointer(rebasing: $0[..<piece])) }
                rest -= Int64(piece)
            }
        }
        advance(by: count, nil)
    }

    private mutating func advance(by count: Int64, _ bytes: UnsafeRawBufferPointer?) {
        if let bytes { hash?.update(bytes) }
        size += count
        progress?(size)
    }

    private static var shrunk: StorageError {
        StorageError(.damaged, "The content became shorter while it was read; somebody still writes to it.")
    }
}
