import QueuedStorageCore

extension StorageRequirement {
    private struct Interruption: Error {}

    static let failing: [StorageRequirement] = [
        StorageRequirement("says of a missing file that it isn't there") { probe in
            let (storage, name) = (probe.storage, probe.name("missing"))

            try require(try await !storage.exists(name), "it exists")
            try await require(.notFound, from: "open") { try await storage.open(name) }
            try await require(.notFound, from: "opening a range") { try await storage.open(name, range: 0..<1) }
            try await require(.notFound, from: "size") { try await storage.size(name) }
            try await require(.notFound, .notSupported, from: "modifiedAt") { try await storage.modifiedAt(name) }
            try await require(.notFound, .notSupported, from: "createdAt") { try await storage.createdAt(name) }
            try await require(.notFound, .notSupported, from: "accessedAt") { try await storage.accessedAt(name) }
        },
        StorageRequirement("refuses a name that is taken, and keeps what has it") { probe in
            let name = probe.name()
            try await probe.store("first", as: name)

            try await require(.alreadyExists, from: "store") { try await probe.store("second", as: name) }

            try require(try await probe.text(name), is: "first", "text")
        },
        StorageRequirement("refuses to delete the empty name") { probe in
            try await require(.invalidName, from: "delete") { try await probe.storage.delete("") }
        },
        StorageRequirement("keeps nothing of content that fails midway") { probe in
            let name = probe.name()
            let content = stream(pattern(200_000), size: nil) { throw Interruption() }

            try await requireFailure(of: "store") {
                try await probe.storage.store(content, as: name, options: StoreOptions())
            }

            try require(try await !probe.storage.exists(name), "it exists")
        },
        StorageRequirement("keeps the old file if the content of the new one fails midway") { probe in
            let name = probe.name()
            try await probe.store("old", as: name)
            let content = stream(pattern(200_000), size: nil) { throw Interruption() }

            try await requireFailure(of: "store") {
                try await probe.storage.store(content, as: name, options: StoreOptions(replaces: true))
            }

            try require(try await probe.text(name), is: "old", "text")
        },
        StorageRequirement("keeps nothing of content that is shorter or longer than was said") { probe in
            for size in [Int64(200_001), 199_999] {
                let name = probe.name("\(size)")
                try await requireFailure(of: "storing 200000 bytes said to be \(size)") {
                    try await probe.storage.store(
                        stream(pattern(200_000), size: size),
                        as: name,
                        options: StoreOptions()
                    )
                }
                try require(try await !probe.storage.exists(name), "it exists")
            }
        },
        StorageRequirement("keeps nothing of a store that is cancelled midway") { probe in
            let name = probe.name()
            let cancel = Shared<(@Sendable () -> Void)?>(nil)
            let (isReady, ready) = AsyncStream.makeStream(of: Void.self)
            let content = stream(pattern(200_000), size: 400_000) {
                // The task is known by now, or will be at once.
                for await _ in isReady { break }
                cancel.value?()
            }

            let task = Task { try await probe.storage.store(content, as: name, options: StoreOptions()) }
            cancel.value = { task.cancel() }
            ready.finish()

            let result = await task.result
            guard case .failure = result else { throw RequirementFailure("the store succeeded") }
            try require(try await !probe.storage.exists(name), "it exists")
        },
        StorageRequirement("doesn't begin a store that is cancelled already") { probe in
            let name = probe.name()

            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await probe.storage.store(.bytes(pattern(600_000)), as: name, options: StoreOptions())
            }

            guard case .failure = await task.result else { throw RequirementFailure("the store succeeded") }
            try require(try await !probe.storage.exists(name), "it exists")
        },
        StorageRequirement("lets one of many stores of a name win") { probe in
            guard let storage = probe.storage as? any ExclusiveStorage, try await storage.isExclusive else { return }
            let name = probe.name()

            let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            let bytes = [UInt8](repeating: UInt8(number), count: 100_000)
                            _ = try await probe.storage.store(.bytes(bytes), as: name, options: StoreOptions())
                            return number
                        } catch let error as StorageError where error.code == .alreadyExists {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Int]()) { $0 += $1.map { [$0] } ?? [] }
            }

            try require(winners.count, is: 1, "stores that succeeded")
            let bytes = try await probe.bytes(name)
            try require(
                bytes == Array(repeating: UInt8(winners[0]), count: 100_000),
                "the bytes aren't those of the winner"
            )
        },
        StorageRequirement("saves all of many files of one name") { probe in
            guard let storage = probe.storage as? any ExclusiveStorage, try await storage.isExclusive else { return }
            let name = probe.name()

            let names = try await withThrowingTaskGroup(of: (String, Int).self) { group in
                for number in 0..<8 {
                    group.addTask {
                        // A stream that was read can't be stored again, but by those who know to.
                        let bytes = [UInt8(number)]
                        let content = storage is any RetryingStorage ? stream(bytes, size: nil) : .bytes(bytes)
                        return (try await probe.storage.save(name, content), number)
                    }
                }
                return try await group.reduce(into: [(String, Int)]()) { $0.append($1) }
            }

            try require(Set(names.map(\.0)).count, is: 8, "names")
            for (name, number) in names {
                let bytes = try await probe.bytes(name)
                try? await probe.storage.delete(name)
                try require(bytes, is: [UInt8(number)], "bytes of \(name)")
            }
        },
        StorageRequirement("shows one file or the other while one is replaced") { probe in
            let name = probe.name()
            let (old, new) = ([UInt8](repeating: 1, count: 300_000), [UInt8](repeating: 2, count: 200_000))
            _ = try await probe.storage.store(.bytes(old), as: name, options: StoreOptions())

            async let replaced = probe.storage.store(.bytes(new), as: name, options: StoreOptions(replaces: true))
            for _ in 0..<4 {
                let bytes: [UInt8]
                do {
                    bytes = try await probe.bytes(name)
                } catch let error as StorageError where error.code == .failed {
                    // Some servers break a reading off whose file is replaced. The reader knows, and reads again.
                    continue
                }
                try require(bytes == old || bytes == new, "a mixture of \(bytes.count) bytes was read")
            }
            _ = try await replaced

            try require(try await probe.bytes(name) == new, "the bytes are other ones")
        },
    ]
}
