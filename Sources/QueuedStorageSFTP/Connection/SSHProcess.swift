internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import QueuedStorageCore

/// A running `ssh`, and our ends of its standard input, output and error.
struct SSHProcess: Sendable {
    let id: pid_t
    /// Both its input and its output: a socket, so that writing to a dead one is an error and not a signal.
    let socket: OpenFile
    let errors: OpenFile

    /// Starts `ssh`.
    ///
    /// - Throws: `StorageError` with `invalidConfiguration` if there is no such program or key.
    init(_ command: SSHCommand, folder: SSHFolder) throws {
        // ssh says of it only that the login was refused.
        if let key = command.configuration.key, key.hasPrefix("/"), access(key, R_OK) != 0 {
            throw StorageError(
                .invalidConfiguration,
                "The key \(FileName.quoted(key)) for \(command.configuration.place) can't be read.",
                cause: SystemError(errno, "access")
            )
        }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0, &pair) == 0 else {
            throw Self.failure(errno, "socketpair")
        }
        let (ours, theirs) = (OpenFile(pair[0]), OpenFile(pair[1]))
        var pipe: [Int32] = [-1, -1]
        guard clinux_pipe2(&pipe, O_CLOEXEC) == 0 else { throw Self.failure(errno, "pipe2") }
        let (errors, theirErrors) = (OpenFile(pipe[0]), OpenFile(pipe[1]))
        for descriptor in [ours.descriptor, errors.descriptor] {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
        let arguments = command.arguments(settings: folder.settings)
        id = try Self.spawn(
            arguments,
            environment: folder.environment(ProcessInfo.processInfo.environment),
            input: theirs.descriptor,
            error: theirErrors.descriptor
        )
        socket = ours
        self.errors = errors
    }

    private static func spawn(
        _ arguments: [String],
        environment: [String],
        input: Int32,
        error: Int32
    ) throws -> pid_t {
        let cArguments = arguments.map { strdup($0) } + [nil]
        let cEnvironment = environment.map { strdup($0) } + [nil]
        defer { for text in cArguments + cEnvironment { free(text) } }
        var id: pid_t = 0
        let failure = clinux_spawn(arguments[0], cArguments, cEnvironment, input, input, error, &id)
        guard failure == 0 else {
            guard failure == ENOENT || failure == EACCES else { throw Self.failure(failure, "posix_spawn") }
            throw StorageError(
                .invalidConfiguration,
                """
                The program \(FileName.quoted(arguments[0])) can't be run; install OpenSSH's client (Debian: \
                openssh-client), or say where it is with the option ssh.
                """,
                cause: SystemError(failure, "posix_spawn")
            )
        }
        return id
    }

    /// Waits until the process has ended, killing it if it doesn't.
    ///
    /// Blocks.
    ///
    /// - Returns: What waitpid(2) says.
    func reap(killing kills: Bool) -> Int32 {
        if kills { kill(id, SIGKILL) }
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    private static func failure(_ error: Int32, _ call: String) -> StorageError {
        StorageError(.failed, "ssh couldn't be started.", cause: SystemError(error, call))
    }
}
