import Dispatch
import Foundation
import Glibc
import Synchronization

/// A process from its start to its end: threads of its own read what it says and wait for it.
final class ProcessRun: Sendable {
    let output = Mutex(ProcessOutput())
    private let waiters = Mutex<[@Sendable (ProcessOutput) -> Bool]>([])
    /// The process; nil before its start and once its number may be another's.
    private let id = Mutex<pid_t?>(nil)

    /// Starts a process.
    func start(_ command: ProcessCommand, mergesErrors: Bool) throws -> pid_t {
        let pipes = try (0..<(mergesErrors ? 1 : 2)).map { _ in try PipeEnds() }
        let ends = DispatchGroup()
        for (index, pipe) in pipes.enumerated() {
            ends.enter()
            Thread.detachNewThread {
                self.read(pipe.reading, isErrors: index == 1)
                close(pipe.reading)
                ends.leave()
            }
        }
        let started = Started()
        // The kernel kills the process when the thread ends that started it: so that is the one that waits for it.
        Thread.detachNewThread {
            let result = Result { try command.start(output: pipes[0].writing, errors: pipes[pipes.count - 1].writing) }
            for pipe in pipes { close(pipe.writing) }
            if case .success(let id) = result { self.id.withLock { $0 = id } }
            started.give(result)
            guard case .success(let id) = result else { return }
            let (status, peak) = self.awaitEnd(of: id)
            ends.wait()
            self.tell { ($0.status, $0.peakMemory) = (status, peak) }
        }
        return try started.take()
    }

    /// Sends a signal, if the process is still there.
    func signal(_ number: Int32, wholeGroup: Bool) {
        id.withLock { id in
            if let id { _ = kill(wholeGroup ? -id : id, number) }
        }
    }

    /// Asks now, and after each change, until the answer is true.
    func ask(_ isAnswered: @escaping @Sendable (ProcessOutput) -> Bool) {
        waiters.withLock { waiters in
            if !isAnswered(output.withLock { $0 }) { waiters.append(isAnswered) }
        }
    }

    private func tell(_ change: (inout ProcessOutput) -> Void) {
        waiters.withLock { waiters in
            let now = output.withLock { output in
                change(&output)
                return output
            }
            waiters.removeAll { $0(now) }
        }
    }

    private func read(_ descriptor: Int32, isErrors: Bool) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return
            }
            tell { output in
                if isErrors { output.errors += buffer[..<count] } else { output.output += buffer[..<count] }
            }
        }
    }

    private func awaitEnd(of process: pid_t) -> (status: Int32, peakMemory: Int64) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(process), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return id.withLock { id in
            // What it left behind ends with it.
            kill(-process, SIGKILL)
            var status: Int32 = 0
            var usage = rusage()
            while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
            id = nil
            return (status & 0x7f == 0 ? (status >> 8) & 0xff : status & 0x7f, Int64(usage.ru_maxrss) << 10)
        }
    }

    /// How a start went, from one thread to another.
    private final class Started: Sendable {
        private let result = Mutex<Result<pid_t, any Error>?>(nil)
        private let isThere = DispatchSemaphore(value: 0)

        func give(_ result: Result<pid_t, any Error>) {
            self.result.withLock { $0 = result }
            isThere.signal()
        }

        func take() throws -> pid_t {
            isThere.wait()
            return try result.withLock { $0 }?.get() ?? 0
        }
    }
}
