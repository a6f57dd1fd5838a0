import Foundation
import QueuedStorageCore

extension Plan {
    /// How many small files are saved in a second, by one, eight and 64 at the same time.
    func saves() async throws -> [Row] {
        let bytes = [UInt8](repeating: 7, count: 10 << 10)
        var rows: [Row] = []
        for (savers, count) in [(1, 500), (8, 2000), (64, 6000)] {
            let count = number(count)
            var sides = [
                Side("qstore") { Double(count) / (try await save(bytes, count, savers)) },
                Side("calls, each synced") {
                    try await withDirectory { directory in
                        Double(count)
                            / (try await seconds {
                                try await BareCalls.repeated(count, threads: savers) {
                                    try BareCalls.save(bytes, as: Installation.name($0), in: directory)
                                }
                            })
                    }
                },
            ]
            if savers == 64 {
                sides.append(
                    Side("calls, syncfs each 64") {
                        try await withDirectory { directory in
                            Double(count)
                                / (try await seconds {
                                    try await BareCalls.repeated(count, threads: 1) { index in
                                        try BareCalls.saveUnsynced(bytes, as: Installation.name(index), in: directory)
                                        guard (index + 1).isMultiple(of: 64) || index + 1 == count else { return }
                                        try BareCalls.syncFileSystem(of: directory)
                                    }
                                })
                        }
                    }
                )
            }
            let aim = savers == 64 ? "0.5 of syncfs" : nil
            rows += try await inTurns(.rate("save, \(savers) at a time, 10 KiB", "files/s", aim: aim), sides)
        }
        return rows
    }

    private func save(_ bytes: [UInt8], _ count: Int, _ savers: Int) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            try await installation.storage.start()
            return try await seconds {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for saver in 0..<savers {
                        group.addTask {
                            for index in stride(from: saver, to: count, by: savers) {
                                _ = try await installation.storage.save(Installation.name(index), .bytes(bytes))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    /// How many files come from the drop folder to the remote in a second.
    func drops() async throws -> [Row] {
        var rows: [Row] = []
        for (count, size, title) in [(5000, 10 << 10, "10 KiB"), (300, 1 << 20, "1 MiB")] {
            let count = number(count)
            func rate(_ name: String, _ took: @escaping () async throws -> Double) -> Side {
                Side(name) { Double(count) / (try await took()) }
            }
            var sides = [
                rate("qstore") { try await deliver(count, size: size) },
                rate("calls, syncfs each 256") { try await deliverBare(count, size: size, syncsEach: 256) },
                rate("calls, each synced") { try await deliverBare(count, size: size, syncsEach: 1) },
            ]
            if let rclone = Child.executable("rclone") {
                sides.append(rate("rclone copy, unsynced") { try await copy(by: rclone, count, size: size) })
            }
            let measure = Measure.rate("inbox to remote, \(count) files of \(title)", "files/s", aim: "0.6 of syncfs")
            rows += try await inTurns(measure, sides)
        }
        return rows
    }

    /// How many bytes of a large file come from the drop folder to the remote in a second.
    func copy() async throws -> [Row] {
        let mebibytes = number(1024)
        func rate(_ name: String, _ took: @escaping () async throws -> Double) -> Side {
            Side(name) { Double(mebibytes) / (try await took()) }
        }
        let size = mebibytes << 20
        let cp = rate("cp and sync") {
            try await withDirectory { directory in
                let installation = try Installation(directory)
                try installation.prepare(1, size: size)
                return try await seconds {
                    try Child.run("cp", [installation.waiting + "/" + Installation.name(0), installation.remote])
                    try BareCalls.syncFileSystem(of: installation.remote)
                }
            }
        }
        return try await inTurns(
            .rate("inbox to remote, one file of \(mebibytes) MiB", "MiB/s", aim: "0.9"),
            [rate("qstore") { try await deliver(1, size: size) }, cp]
        )
            + inTurns(
                .rate("  with TransferAndDelete, which reads it back", "MiB/s"),
                [rate("qstore") { try await deliver(1, size: size, task: .transferAndDelete) }, cp]
            )
    }

    private func deliver(_ count: Int, size: Int, task: any TransferTask = .transfer) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory, task: task)
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

    private func deliverBare(_ count: Int, size: Int, syncsEach: Int) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: size)
            let deliver = syncsEach == 1 ? BareCalls.deliver : BareCalls.deliverUnsynced
            return try await seconds {
                try await BareCalls.repeated(count, threads: 1) { index in
                    try deliver(
                        Installation.name(index),
                        installation.waiting,
                        installation.local,
                        installation.remote
                    )
                    guard syncsEach > 1, (index + 1).isMultiple(of: syncsEach) || index + 1 == count else { return }
                    try BareCalls.syncFileSystem(of: installation.remote)
                }
            }
        }
    }

    private func copy(by rclone: String, _ count: Int, size: Int) async throws -> Double {
        try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: size)
            return try await seconds {
                try Child.run(rclone, ["copy", "--config", "/dev/null", installation.waiting, installation.remote])
            }
        }
    }
}
