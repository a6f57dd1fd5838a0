import Glibc
import QueuedStorageCore
import Synchronization

/// The standard streams as the commands use them: results on the output, everything else on the error stream, and a
/// progress bar that gives way to both.
final class Console: Sendable {
    /// The console of this process.
    static let shared = Console()

    private struct State {
        var output: [UInt8] = []
        var bar = ""
        var isQuiet = false
    }

    private let state = Mutex(State())
    let isOutputTerminal = isatty(STDOUT_FILENO) == 1
    let isErrorTerminal = isatty(STDERR_FILENO) == 1

    /// Whether only results and errors are wanted.
    var isQuiet: Bool { state.withLock { $0.isQuiet } }

    func beQuiet() { state.withLock { $0.isQuiet = true } }

    // MARK: The output

    /// Adds a line of the result; it is written with the next flush.
    func line(_ text: String) { add(Array(text.utf8) + [UInt8(ascii: "\n")]) }

    /// Adds bytes of the result; they are written with the next flush.
    func add(_ bytes: [UInt8]) { state.withLock { $0.output += bytes } }

    /// Writes the result as far as it is known, if that is much.
    func flushIfLarge() async throws {
        if state.withLock({ $0.output.count >= 64 << 10 }) { try await flush() }
    }

    /// Writes the result as far as it is known.
    ///
    /// - Throws: ``OutputClosed`` if its reader has gone.
    func flush() async throws {
        let bytes = state.withLock { state in
            defer { state.output = [] }
            return state.output
        }
        guard !bytes.isEmpty else { return }
        try await write(bytes)
    }

    /// Writes bytes of the result now.
    func write(_ bytes: [UInt8]) async throws {
        try await blocking {
            self.hideBar()
            try writeAll(bytes, to: STDOUT_FILENO)
            self.showBar()
        }
    }

    // MARK: The error stream

    /// Tells the user something that is no result; nothing if it shall be quiet.
    func note(_ text: String) {
        if !isQuiet { complain(text) }
    }

    /// Tells the user something, also if it shall be quiet; what can't be written is lost.
    func complain(_ text: String) {
        state.withLock { state in
            let erase = state.bar.isEmpty ? "" : "\r\u{1B}[K"
            try? writeAll(Array("\(erase)\(text)\n\(state.bar)".utf8), to: STDERR_FILENO)
        }
    }

    // MARK: The bar

    /// Whether a progress bar can be seen.
    var showsBars: Bool { isErrorTerminal && !isQuiet }

    /// Shows a progress bar below everything else; an empty one is none.
    func show(bar: String) {
        state.withLock { state in
            guard state.bar != bar else { return }
            state.bar = bar
            try? writeAll(Array("\r\u{1B}[K\(bar)".utf8), to: STDERR_FILENO)
        }
    }

    private func hideBar() {
        state.withLock { if !$0.bar.isEmpty { try? writeAll(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) } }
    }

    private func showBar() {
        state.withLock { if !$0.bar.isEmpty { try? writeAll(Array($0.bar.utf8), to: STDERR_FILENO) } }
    }
}

/// The reader of the standard output has gone, as `head` does: there is nobody to tell anything.
struct OutputClosed: Error {}

/// Writes bytes to a descriptor; blocks.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
            // The stream is shared with somebody who set it to non-blocking.
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&waiting, 1, -1)
        } else if errno == EPIPE {
            throw OutputClosed()
        } else if errno != EINTR {
            throw SystemError(errno, "write")
        }
    }
}
