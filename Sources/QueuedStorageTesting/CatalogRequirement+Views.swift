import FoundationEssentials
import QueuedStorageCore

extension CatalogRequirement {
    static let views: [CatalogRequirement] = [
        CatalogRequirement("counts files and bytes by storage and state") { probe in
            try await probe.record("a", size: 5)
            try await probe.record("b", size: 7)
            try await probe.record("c", in: "videos", size: 11, dueAt: nil)
            let jobs = try await probe.claim()
            try await probe.complete(try unwrap(jobs.first { $0.file?.name == "a" }, "job"))
            try await probe.record("b", size: 8, replaces: true)

            let counts = try await probe.other.counts()

            try require(
                counts,
                is: [
                    StorageCounts(alias: "photos", counts: [.remote: 1, .queued: 1], bytes: [.remote: 5, .queued: 8]),
                    StorageCounts(alias: "videos", counts: [.local: 1], bytes: [.local: 11]),
                ],
                "counts"
            )
        },
        CatalogRequirement("pages through files in the order of their identifiers") { probe in
            var ids: [Int64] = []
            for number in 0..<10 {
                let storage = CatalogProbe.aliases[number % 2]
                ids.append(
                    try await probe.record("\(number)", in: storage, dueAt: number < 4 ? nil : .distantPast).id
                )
            }

            let first = try await probe.catalog.files(FileQuery(limit: 6)).map(\.id)
            let second = try await probe.catalog.files(FileQuery(after: first.last ?? 0, limit: 6)).map(\.id)
            try require(first + second, is: ids, "all")
            let ofOne = try await probe.catalog.files(FileQuery(storage: "photos", after: ids[0], limit: 2))
            try require(ofOne.map(\.id), is: [ids[2], ids[4]], "of one storage")
            let inState = try await probe.catalog.files(FileQuery(state: .local, after: ids[0], limit: 2))
            try require(inState.map(\.id), is: [ids[1], ids[2]], "in one state")
            let both = try await probe.catalog.files(FileQuery(storage: "videos", state: .queued))
            try require(both.map(\.id), is: [ids[5], ids[7], ids[9]], "in one state of one storage")
        },
        CatalogRequirement("lists the names below a directory, sorted by bytes") { probe in
            for name in ["a/1", "a/b/2", "a", "a.txt", "a0", "a/é", "b/1", "a/z", "a/Z"] {
                try await probe.record(name)
            }
            try await probe.record("a/deleted")
            _ = try await probe.catalog.delete("a/deleted", in: "photos")

            let below = try await probe.catalog.names(in: "photos", below: "a", after: nil, limit: 100)
            try require(below, is: ["a/1", "a/Z", "a/b/2", "a/z", "a/é"], "names")
            let page = try await probe.catalog.names(in: "photos", below: "a", after: "a/1", limit: 2)
            try require(page, is: ["a/Z", "a/b/2"], "a page")
            let all = try await probe.catalog.names(in: "photos", below: "", after: nil, limit: 4)
            try require(all, is: ["a", "a.txt", "a/1", "a/Z"], "all")
            let before = try await probe.catalog.names(in: "photos", below: "b", after: "a/z", limit: 4)
            try require(before, is: ["b/1"], "after a name before the directory")
        },
        CatalogRequirement("numbers events, and hands them out after a number") { probe in
            let owner = FileOwner(model: "photo", row: "7", field: "image")
            try require(try await probe.catalog.lastEventID(), is: 0, "last event of an empty catalog")
            try await probe.record("a.txt", owner: owner)
            let first = try await probe.catalog.lastEventID()
            try await probe.record("b.txt", size: 5)

            let events = try await probe.other.events(after: first, limit: 10)

            try require(events.map(\.name), is: ["b.txt"], "names")
            try require(events.map(\.size), is: [5], "sizes")
            try require(events.map(\.id), is: [try await probe.catalog.lastEventID()], "numbers")
            let all = try await probe.catalog.events(after: 0, limit: 1)
            try require(all.map(\.owner), is: [owner], "owners")
        },
        CatalogRequirement("forgets old events, but not their numbers") { probe in
            try await probe.record("a.txt")
            let last = try await probe.catalog.lastEventID()

            try await probe.catalog.trimEvents(before: probe.now.addingTimeInterval(-60))
            try require(try await probe.eventTypes(), is: [.queued], "young events stay")
            try await probe.catalog.trimEvents(before: Date().addingTimeInterval(60))
            try require(try await probe.eventTypes(), is: [], "old events go")
            try require(try await probe.catalog.lastEventID(), is: last, "last number")
        },
        CatalogRequirement("reports its own commits") { probe in
            let changes = probe.catalog.changes
            try await probe.record("a.txt")

            for await _ in changes { break }
        },
        CatalogRequirement("reports the commits of others") { probe in
            let changes = probe.catalog.changes
            _ = try await probe.other.record(probe.new())

            for await _ in changes where try await probe.catalog.file("a.txt", in: "photos") != nil { break }
        },
        CatalogRequirement("finishes a write whose task is cancelled") { probe in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await probe.catalog.record(probe.new())
            }

            let file = try await task.value

            try require(try await probe.catalog.file("a.txt", in: "photos")?.id, is: file.id, "file")
        },
    ]
}
