import ArgumentParser
import Foundation
import QueuedStorageCore
import QueuedStorageSQLite

extension Plan {
    /// How long a single file needs from the drop folder to the remote, while nothing else happens.
    func latency() async throws -> [Row] {
        let count = number(300)
        let bare = try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: 10 << 10)
            var times: [Double] = []
            for index in 0..<count {
                times.append(
                    try await seconds {
                        try BareCalls.deliver(
                            Installation.name(index),
                            from: installation.waiting,
                            local: installation.local,
                            remote: installation.remote
                        )
                    }
                )
            }
            return times
        }
        let ours = try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: 10 << 10)
            var times: [Double] = []
            try await installation.whileWatching {
                for index in 0..<count {
                    times.append(
                        try await seconds {
                            try installation.drop(index)
                            try await installation.waitUntilTransferred(index + 1)
                        }
                    )
                }
            }
            return times
        }
        let saves = try await withDirectory { directory in
            let installation = try Installation(directory)
            try await installation.storage.start()
            let bytes = [UInt8](repeating: 7, count: 10 << 10)
            var times: [Double] = []
            for index in 0..<count {
                times.append(
                    try await seconds {
                        _ = try await installation.storage.save(Installation.name(index), .bytes(bytes))
                    }
                )
            }
            return times
        }
        return Row.percentiles(
            "inbox to remote, single file of 10 KiB",
            ours,
            beside: ("calls, each synced", bare),
            aims: ["15 ms at 1 ms a sync", "60 ms"]
        ) + Row.percentiles("save, single file of 10 KiB", saves)
    }

    /// How long after a commit another process, which has nothing to do, knows of it.
    func wakeUp() async throws -> [Row] {
        let times = try await withDirectory { directory in
            let installation = try Installation(directory)
            try await installation.storage.start()
            let listener = try Child(CommandLine.arguments[0], ["listen", installation.database])
            defer { listener.stop() }
            guard try await listener.line() == "ready" else { throw Child.Failure(description: "listen failed") }
            var times: [Double] = []
            for index in 0..<number(200) {
                try await Task.sleep(for: .milliseconds(20))
                let began = monotonicSeconds()
                try await installation.catalog.setPaused(index.isMultiple(of: 2), storage: installation.storage.alias)
                let committed = monotonicSeconds()
                var heard = 0.0
                while heard < began { heard = Double(try await listener.line()) ?? .infinity }
                times.append(max(heard - committed, 0))
            }
            return times
        }
        return Row.percentiles("another process wakes after a commit", times, aims: [nil, "10 ms"])
    }
}

/// Says when a catalog's changes were heard of: the other process of the measurement.
struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(shouldDisplay: false)
    @Argument var database: String

    func run() async throws {
        let catalog = try SQLiteCatalog(path: database, creates: false)
        let changes = catalog.changes
        say("ready")
        for await _ in changes { say("\(monotonicSeconds())") }
        withExtendedLifetime(catalog) {}
    }
}
