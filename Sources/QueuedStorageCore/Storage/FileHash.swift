internal import Crypto

/// A SHA-256 that is computed as bytes come.
package struct FileHash: Sendable {
    private var state = SHA256()

    package init() {}

    /// Takes the next bytes.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ state.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { state.update(bufferPointer: $0) }
        }
    }

    /// Takes the next bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }

    /// The SHA-256 of the bytes so far, in lower-case hexadecimal digits.
    package var value: String { state.finalize().hexadecimal }
}
