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
            guard status == 0 else { throw Child.Failure(description: "qstore watch ended with \(status)") }
            return [
                Row(
                    .cost("idle: processor time of qstore watch", "ms/s"),
                    (after.seconds - before.seconds) * 1000 / length
                ),
                Row(
                    .cost("idle: how often its threads wake", "/s", aim: "a handful in 10 s"),
                    Double(after.wakeUps - before.wakeUps) / length
                ),
            ]
        }
    }
}
