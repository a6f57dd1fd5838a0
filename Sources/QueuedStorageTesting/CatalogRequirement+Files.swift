import FoundationEssentials
import QueuedStorageCore
import Synchronization

extension CatalogRequirement {
    static let storages: [CatalogRequirement] = [
        CatalogRequirement("knows a storage once it is registered") { probe in
            let photos = StorageRegistration(
                alias: "photos",
                localID: "local-photos",
                remoteFingerprint: "remote-photos"
            )
            try await probe.other.register(photos, acceptingMove: false)

            let storages = try await probe.catalog.storages()
            try require(storages.map(\.alias), is: ["photos", "videos"], "aliases")
            try require(storages[0], is: photos, "registration")
        },
        CatalogRequirement("refuses another local location under a known alias") { probe in
            let moved = StorageRegistration(alias: "photos", localID: "new", remoteFingerprint: "remote-photos")

            try await require(.wrongLocation, "register") {
                try await probe.catalog.register(moved, acceptingMove: false)
            }
            try await probe.catalog.register(moved, acceptingMove: true)
            try await probe.catalog.register(moved, acceptingMove: false)
        },
        CatalogRequirement("refuses two storages in one local location") { probe in
            let other = StorageRegistration(alias: "other", localID: "local-photos", remoteFingerprint: "remote-other")

            try await require(.wrongLocation, "register") {
                try await probe.catalog.register(other, acceptingMove: true)
            }
            try require(try await probe.catalog.storages().map(\.alias), is: CatalogProbe.aliases, "aliases")
        },
        CatalogRequirement("has an identifier that stays") { probe in
            let identity = try await probe.catalog.identity()

            try require(identity != "", "it is empty")
            try require(try await probe.other.identity(), is: identity, "identifier seen by another process")
        },
        CatalogRequirement("refuses another remote under a known alias") { probe in
            let moved = StorageRegistration(alias: "photos", localID: "local-photos", remoteFingerprint: "new")

            try await require(.wrongRemote, "register") {
                try await probe.catalog.register(moved, acceptingMove: false)
            }
            try await probe.catalog.register(moved, acceptingMove: true)
            try require(try await probe.catalog.storages()[0].remoteFingerprint, is: "new", "remote")
        },
        CatalogRequirement("claims nothing of a paused storage, and all of it later") { probe in
            try await probe.record("a.txt")
            try await probe.record("b.txt", in: "videos")

            try await probe.catalog.setPaused(true, storage: "photos")
            try require(try await probe.catalog.storages().map(\.isPaused), is: [true, false], "paused")
            try require(try await probe.claim().map(\.storage), is: ["videos"], "claimed")
            let next = try await probe.catalog.nextDueAt(storages: ["photos"], tasks: ["photos": ["Transfer"]])
            try require(next == nil, "a paused storage has a next job at \(String(describing: next))")
            try await probe.catalog.setPaused(false, storage: "photos")
            try require(try await probe.claim().map(\.storage), is: ["photos"], "claimed later")
        },
        CatalogRequirement("can't pause what it doesn't know") { probe in
            try await require(.unknownStorage, "pause") {
                try await probe.catalog.setPaused(true, storage: "nowhere")
            }
        },
        CatalogRequirement("knows drop folders by their identifiers") { probe in
            let first = DropFolderRegistration(id: "1", path: "/in", storage: "photos")
            let moved = DropFolderRegistration(id: "1", path: "/in2", storage: "videos")
            let second = DropFolderRegistration(id: "2", path: "/in", storage: "photos")

            try await probe.catalog.register(first)
            try await probe.catalog.register(first)
            try require(try await probe.catalog.dropFolders(), is: [first], "registered")
            try await probe.catalog.register(moved)
            try await probe.catalog.register(second)
            try require(try await probe.catalog.dropFolders(), is: [second, moved], "moved")
            try await require(.unknownStorage, "register") {
                try await probe.catalog.register(DropFolderRegistration(id: "3", path: "/x", storage: "nowhere"))
            }
        },
    ]

    static let files: [CatalogRequirement] = [
        CatalogRequirement("records a file with its transfer") { probe in
            let owner = FileOwner(model: "photo", row: "7", field: "image")
            let file = try await probe.catalog.record(probe.new(dueAt: probe.now, owner: owner))

            try require(file.name, is: "a.txt", "name")
            try require(file.generation, is: 1, "generation")
            try require(file.place, is: "staging/T/a.txt-3", "place")
            try require(file.state, is: .queued, "state")
            try require(file.contentType, is: "text/plain", "content type")
            try require(file.owner, is: owner, "owner")
            try require(file.hasLocal && !file.replaces, "a new file has local bytes, and replaces none")
            try require(try await probe.other.file("a.txt", in: "photos"), is: file, "read by name")
            try require(try await probe.other.file(id: file.id), is: file, "read by id")
            try require(try await probe.catalog.lastFileID(), is: file.id, "last file")
            let next = try await probe.catalog.nextDueAt(storages: ["photos"], tasks: ["photos": ["Transfer"]])
            try require(next, is: file.dueAt, "next job")
        },
        CatalogRequirement("records a delayed file without a transfer") { probe in
            let file = try await probe.catalog.record(probe.new(dueAt: nil))

            try require(file.state, is: .local, "state")
            try require(file.dueAt == nil, "a delayed file has no job")
            try require(try await probe.claim().isEmpty, "nothing is to be claimed")
            try require(try await probe.eventTypes(), is: [.saved], "events")
        },
        CatalogRequirement("refuses a taken name, and one in an unknown storage") { probe in
            try await probe.record()

            try await require(.nameTaken, "record") { try await probe.other.record(probe.new()) }
            try await require(.unknownStorage, "record") {
                try await probe.catalog.record(probe.new(in: "nowhere"))
            }
            try await probe.record(in: "videos")
            try require(try await probe.catalog.counts().map { $0.counts[.queued] }, is: [1, 1], "counts")
        },
        CatalogRequirement("lets one of many writers have a name") { probe in
            let winners = await withTaskGroup(of: Bool.self) { group in
                for writer in 0..<20 {
                    let catalog = writer.isMultiple(of: 2) ? probe.catalog : probe.other
                    group.addTask { (try? await catalog.record(probe.new(size: Int64(writer)))) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }

            try require(winners, is: 1, "winners")
        },
        CatalogRequirement("never uses an identifier again") { probe in
            let file = try await probe.record(dueAt: nil)
            _ = try await probe.catalog.delete("a.txt", in: "photos")
            let isGone = try await probe.catalog.removeLocal(file) { _ in }
            try require(isGone, "the local copy is gone")
            try require(try await probe.catalog.file(id: file.id) == nil, "the row goes with the last copy")

            try require(try await probe.record().id > file.id, "the identifier was used again")
            try require(try await probe.catalog.lastFileID() > file.id, "last file")
        },
        CatalogRequirement("remembers the drop-folder entries that it has recorded, until they are forgotten") {
            probe in
            let copied = [
                CopiedEntry(entry: "I/T/1", size: 3, modifiedAt: 1, changedAt: .max, sha256: "abc"),
                CopiedEntry(entry: "I/T/2", size: 0, modifiedAt: -1, changedAt: 2),
            ]
            for (number, entry) in copied.enumerated() {
                _ = try await probe.catalog.record(probe.new("\(number)", copiedEntry: entry))
            }

            try require(
                try await probe.other.recorded(takenEntries: ["I/T/1", "I/T/2", "I/T/3"]),
                is: copied,
                "recorded"
            )
            try await probe.catalog.forget(takenEntries: ["I/T/1", "I/T/9"])
            let left = try await probe.catalog.recorded(takenEntries: ["I/T/1", "I/T/2"])
            try require(left, is: [copied[1]], "forgotten")
        },
        CatalogRequirement("records no drop-folder entry with a file that it refuses") { probe in
            try await probe.record()
            try await require(.nameTaken, "record") {
                let copied = CopiedEntry(entry: "I/T/1", size: 3, modifiedAt: 1, changedAt: 2)
                _ = try await probe.catalog.record(probe.new(copiedEntry: copied))
            }

            try require(try await probe.catalog.recorded(takenEntries: ["I/T/1"]), is: [], "recorded")
        },
    ]

    static let names: [CatalogRequirement] = [
        CatalogRequirement("names the places of files until they are settled") { probe in
            let file = try await probe.catalog.record(probe.new())
            let place = try unwrap(file.place, "place")

            try require(try await probe.other.unsettled(in: "photos"), is: [file], "unsettled")
            try require(try await probe.other.unsettled(in: "videos"), is: [], "unsettled elsewhere")
            try require(try await probe.other.named(places: [place, "x"], in: "photos"), is: [place], "named")
            try await probe.catalog.settle([file])
            try require(try await probe.catalog.unsettled(in: "photos"), is: [], "settled")
            try require(try await probe.catalog.named(places: [place], in: "photos"), is: [], "named after")
        },
        CatalogRequirement("doesn't settle a later generation") { probe in
            let first = try await probe.catalog.record(probe.new())
            try await probe.catalog.settle([first])
            let second = try await probe.catalog.record(probe.new(size: 4, replaces: true))

            try await probe.catalog.settle([first])

            try require(try await probe.catalog.unsettled(in: "photos").map(\.id), is: [second.id], "unsettled")
        },
        CatalogRequirement("renames a file that isn't placed") { probe in
            let file = try await probe.catalog.record(probe.new())
            try await probe.record("b.txt")

            try await require(.nameTaken, "rename") { try await probe.catalog.rename(file, to: "b.txt") }
            let renamed = try await probe.catalog.rename(file, to: "c.txt")
            try require(renamed?.name, is: "c.txt", "name")
            try require(renamed?.id, is: file.id, "identifier")
            try require(try await probe.catalog.file("a.txt", in: "photos") == nil, "the old name is free")
        },
        CatalogRequirement("doesn't rename a file that is placed, replaced or deleted") { probe in
            let placed = try await probe.catalog.record(probe.new())
            try await probe.catalog.settle([placed])
            let deleted = try await probe.catalog.record(probe.new("b.txt"))
            _ = try await probe.catalog.delete("b.txt", in: "photos")

            for file in [placed, deleted] {
                let renamed = try await probe.catalog.rename(file, to: "c.txt")
                try require(renamed == nil, "\(file.name) was renamed")
            }
        },
        CatalogRequirement("places the present generation alone") { probe in
            try await probe.record()
            let file = try await probe.catalog.record(probe.new(size: 4, replaces: true))
            let calls = Mutex(0)

            let isPlaced = try await probe.catalog.place(file) { calls.withLock { $0 += 1 } }
            try require(isPlaced && file.replaces, "a replacement is placed")
            try await probe.catalog.settle([file])
            let isPlacedLater = try await probe.other.place(file) { calls.withLock { $0 += 1 } }
            try require(!isPlacedLater, "a settled file is placed again")
            try require(calls.withLock { $0 }, is: 1, "calls")
        },
        CatalogRequirement("settles nothing that got another name meanwhile") { probe in
            let file = try await probe.catalog.record(probe.new())
            let renamed = try await probe.catalog.rename(file, to: "c.txt")

            try await probe.catalog.settle([file])

            try require(try await probe.catalog.unsettled(in: "photos"), is: [renamed], "unsettled")
        },
        CatalogRequirement("changes nothing when placing fails") { probe in
            let file = try await probe.catalog.record(probe.new())

            do {
                _ = try await probe.catalog.place(file) { throw RequirementFailure("expected") }
                throw RequirementFailure("the error of the closure was swallowed")
            } catch let failure as RequirementFailure where failure.description == "expected" {}

            try require(try await probe.catalog.unsettled(in: "photos"), is: [file], "unsettled")
        },
        CatalogRequirement("doesn't replace a file whose bytes wait for their name") { probe in
            let file = try await probe.catalog.record(probe.new())

            try await require(.unsettled, "replace") { try await probe.other.record(probe.new(replaces: true)) }
            try await probe.catalog.settle([file])
            let replaced = try await probe.other.record(probe.new(size: 4, replaces: true))
            try require(replaced.generation, is: 2, "generation")
        },
        CatalogRequirement("records a new file where there is nothing to replace") { probe in
            let file = try await probe.catalog.record(probe.new(replaces: true))

            try require(file.generation, is: 1, "generation")
            try require(!file.replaces, "it replaces nothing")
        },
    ]
}
