import CLinux
import Foundation
import Glibc

/// What a process is started with (posix_spawn(3)).
struct ProcessCommand: Sendable {
    let arguments: [String]
    let environment: [String: String]
    let directory: String?
    let input: Int32

    /// Starts the process: with a process group of its own, every signal as by default, and no other descriptor.
    func start(output: Int32, errors: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, descriptor) in [input, output, errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(index))
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        )

        let line = (directory.map { ["/usr/bin/env", "--chdir", $0] } ?? []) + arguments
        var argv = line.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for string in argv + envp { free(string) } }
        // Some libraries open theirs for all to inherit.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        var id = pid_t()
        let error = posix_spawn(&id, line[0], &actions, &attributes, &argv, &envp)
        guard error == 0 else { throw ProcessFailure("run \"\(line[0])\"", error) }
        return id
    }
}

/// The two ends of a pipe, which no other process inherits.
struct PipeEnds: Sendable {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard clinux_pipe2(&ends, O_CLOEXEC) == 0 else { throw ProcessFailure("make a pipe", errno) }
        (reading, writing) = (ends[0], ends[1])
    }

    /// Opens a file instead, which has no end to write to.
    init(reading path: String) throws {
        reading = open(path, O_RDONLY | O_CLOEXEC)
        writing = -1
        guard reading >= 0 else { throw ProcessFailure("open \"\(path)\"", errno) }
    }

    func close() {
        Glibc.close(reading)
        if writing >= 0 { Glibc.close(writing) }
    }
}
