import Foundation

extension Plan {
    /// What a watcher with nothing to do costs.
    func idle() async throws -> [Row] {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            let child = try Child(qstore, ["watch"] + installation.flags, isQuiet: true)
            // A file that has arrived says that it watches; what it does after that is nothing.
            try installation.prepare(1, size: 1)
            try installation.drop(0)
            try await waitUntilTransferred(1, installation, by: child)
            try await Task.sleep(for: .seconds(2))
            let (before, length) = (child.usage, isQuick ? 2.0 : 10.0)
            try await Task.sleep(for: .seconds(length))
            let after = child.usage
            let status = child.stop()
            // Threads that have nothing to do end after a while, and take their counts with them.
            let wakeUps = after.wakeUps.reduce(0) { $0 + max(0, $1.value - (before.wakeUps[$1.key] ?? 0)) }
            guard status == 0 else { throw Child.Failure(description: "qstore watch ended with \(status)") }
            return [
                Row(
                    .cost("idle: processor time of qstore watch", "ms/s"),
                    (after.seconds - before.seconds) * 1000 / length
                ),
                Row(
                    .cost("idle: how often its threads wake", "/s", aim: "a handful in 10 s"),
                    Double(wakeUps) / length
                ),
            ]
        }
    }
}
