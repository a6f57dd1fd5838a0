internal import Glibc
internal import QueuedStorageCore

/// A private directory with what a starting `ssh` reads: its settings, and the way to a password.
///
/// The password itself is never in a file: it waits in a FIFO, in memory of the kernel, until the helper that `ssh` calls
/// takes it from there. It is in no argument and no environment.
///
/// Source: ssh(1), SSH_ASKPASS and SSH_ASKPASS_REQUIRE.
final class SSHFolder: Sendable {
    let path: String
    private let answer: OpenFile?

    var settings: String { path + "/config" }
    private var helper: String { path + "/askpass" }
    private var fifo: String { path + "/answer" }

    /// Makes the directory.
    ///
    /// - Throws: `StorageError` with `failed` if no temporary directory can be written to.
    init(settings: String, password: String?) throws {
        let parent = ["XDG_RUNTIME_DIR", "TMPDIR"]
            .compactMap { (name: String) in getenv(name).map { String(cString: $0) } }
            .first { (path: String) in access(path, W_OK | X_OK) == 0 }
        var template = Array("\(parent ?? "/tmp")/queued-storage-ssh-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let message = "No private directory can be made in \(parent ?? "/tmp"); set TMPDIR to one with room."
            throw StorageError(.failed, message, cause: SystemError(errno, "mkdtemp"))
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.path = path
        do {
            try Self.write(settings, to: path + "/config", mode: 0o600)
            if let password { answer = try Self.offer(password, in: path) } else { answer = nil }
        } catch {
            Self.remove(path)
            throw error
        }
    }

    deinit { Self.remove(path) }

    /// The environment for `ssh`; nothing in it is secret.
    func environment(_ inherited: [String: String]) -> [String] {
        // Other storages' secrets are none of ssh's business.
        var environment = inherited.filter { !$0.key.hasPrefix("QSTORE_") }
        environment["SSH_ASKPASS"] = answer == nil ? nil : helper
        environment["SSH_ASKPASS_REQUIRE"] = answer == nil ? "never" : "force"
        return environment.map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// Makes the FIFO with the password in it, and the helper that hands it on.
    private static func offer(_ password: String, in path: String) throws -> OpenFile {
        let fifo = path + "/answer"
        guard mkfifo(fifo, 0o600) == 0 else { throw failure("mkfifo", fifo) }
        // Open both ways, so that it keeps what is in it while nobody reads.
        let descriptor = Glibc.open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", fifo) }
        let file = OpenFile(descriptor)
        // A line for each way to ask: keyboard-interactive, and password.
        let bytes = Array("\(password)\n\(password)\n".utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw failure("write", fifo) }
        // `read` and `printf` are the shell's own, so that the password is in nobody's arguments.
        let script = """
            #!/bin/sh
            case $1 in
            *[Pp]assword*) IFS= read -r line <"${0%/*}/answer" && printf '%s\\n' "$line" ;;
            *) exit 1 ;;
            esac

            """
        try write(script, to: path + "/askpass", mode: 0o700)
        return file
    }

    private static func write(_ text: String, to path: String, mode: mode_t) throws {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw failure("write", path) }
    }

    private static func failure(_ call: String, _ path: String) -> StorageError {
        StorageError(.failed, "What ssh needs couldn't be written to \(path).", cause: SystemError(errno, call))
    }

    private static func remove(_ path: String) {
        for name in ["config", "askpass", "answer"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
