import FoundationEssentials
import Glibc
import QueuedStorageCore

/// A file that is written under a temporary name beside its own, and gets its own once it is whole.
///
/// All methods block.
final class DestinationFile: Sendable {
    private let path: String
    /// Nil if what is there is no regular file, such as `/dev/null` or a FIFO, and is written to directly.
    private let temporary: String?
    private let file: OpenFile
    private let interrupt: SignalSource?

    /// Opens a file.
    ///
    /// - Parameter path: The path; what is there is replaced at the end.
    /// - Throws: ``CommandFailure``.
    init(_ path: String) throws {
        var status = stat()
        let isThere = stat(path, &status) == 0
        if isThere, status.st_mode & S_IFMT != S_IFREG {
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path, errno) }
            (temporary, file, interrupt) = (nil, OpenFile(descriptor), nil)
        } else {
            // A symbolic link stays one: its target is replaced.
            let target = isThere ? realpath(path, nil) : nil
            defer { free(target) }
            let real = target.map { String(cString: $0) } ?? path
            let (directory, name) = FileName.split(real)
            let short = String(String.UnicodeScalarView(name.unicodeScalars.prefix(40)))
            let temporary = FileName.append(".\(short).\(FileName.randomSuffix()).part", to: directory)
            let descriptor = open(
                temporary,
                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                isThere ? status.st_mode & 0o777 : 0o666
            )
            guard descriptor >= 0 else { throw Self.failure(path, errno) }
            self.temporary = temporary
            file = OpenFile(descriptor)
            self.path = real
            interrupt = Self.removeWhenInterrupted(temporary)
            return
        }
        self.path = path
    }

    /// Ctrl-C leaves no half file behind.
    private static func removeWhenInterrupted(_ temporary: String) -> SignalSource {
        SignalSource(SIGINT) {
            unlink(temporary)
            _exit(128 + SIGINT)
        }
    }

    private static func failure(_ path: String, _ number: Int32) -> CommandFailure {
        CommandFailure(.failure, "\"\(Text.escaped(path))\" can't be written: \(String(cString: strerror(number)))")
    }

    func write(_ bytes: [UInt8]) throws {
        do {
            try writeAll(bytes, to: file.descriptor)
        } catch let error as SystemError {
            throw Self.failure(path, error.errno)
        }
    }

    /// Gives the file its name, durably.
    func publish() throws {
        guard let temporary else { return }
        guard fsync(file.descriptor) == 0, rename(temporary, path) == 0 else { throw Self.failure(path, errno) }
        interrupt?.end()
        let directory = FileName.split(path).directory
        let descriptor = open(directory.isEmpty ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// Leaves nothing behind.
    func discard() {
        if let temporary { unlink(temporary) }
    }
}
