import Foundation
import QueuedStorageCore

extension Plan {
    /// How many small files are saved in a second, by one, eight and 64 at the same time.
    func saves() async throws -> [Row] {
        let bytes = [UInt8](repeating: 7, count: 10 << 10)
        var rows: [Row] = []
        for (savers, count) in [(1, 500), (8, 2000), (64, 6000)] {
            let count = number(count)
            let pair = try await inTurns {
                try await withDirectory { directory in
                    let installation = try Installation(directory)
                    try await installation.storage.start()
                    return Double(count)
                        / (try await seconds {
                            try await withThrowingTaskGroup(of: Void.self) { group in
                                for saver in 0..<savers {
                                    group.addTask {
                                        for index in stride(from: saver, to: count, by: savers) {
                                            _ = try await installation.storage.save(
                                                Installation.name(index),
                                                .bytes(bytes)
                                            )
                                        }
                                    }
                                }
                                try await group.waitForAll()
                            }
                        })
                }
            } _: {
                try await withDirectory { directory in
                    Double(count)
                        / (try await seconds {
                            try await BareCalls.repeated(count, threads: savers) {
                                try BareCalls.save(bytes, as: Installation.name($0), in: directory)
                            }
                        })
                }
            }
            rows.append(.rate("save, \(savers) at a time, 10 KiB", pair, unit: "files/s"))
        }
        return rows
    }

    /// How many small files come from the drop folder to the remote in a second.
    func drops() async throws -> [Row] {
        let count = number(5000)
        let pair = try await inTurns {
            Double(count) / (try await deliver(count, size: 10 << 10))
        } _: {
            Double(count) / (try await deliverBare(count, size: 10 << 10))
        }
        return [.rate("inbox to remote, \(count) files of 10 KiB", pair, unit: "files/s")]
    }

    /// How many bytes of a large file come from the drop folder to the remote in a second.
    func copy() async throws -> [Row] {
        let mebibytes = number(1024)
        let pair = try await inTurns {
            Double(mebibytes) / (try await deliver(1, size: mebibytes << 20))
        } _: {
            Double(mebibytes) / (try await deliverBare(1, size: mebibytes << 20))
        }
        return [.rate("inbox to remote, one file of \(mebibytes) MiB", pair, unit: "MiB/s")]
    }

    private func deliver(_ count: Int, size: Int) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: size)
            var took = 0.0
            try await installation.whileWatching {
                took = try await seconds {
                    for index in 0..<count { try installation.drop(index) }
                    try await installation.waitUntilTransferred(count)
                }
            }
            return took
        }
    }

    private func deliverBare(_ count: Int, size: Int) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: size)
            return try await seconds {
                try await BareCalls.repeated(count, threads: 1) { index in
                    try BareCalls.deliver(
                        Installation.name(index),
                        from: installation.waiting,
                        local: installation.local,
                        remote: installation.remote
                    )
                }
            }
        }
    }
}
