import FoundationEssentials
import QueuedStorageCore
import Synchronization

extension CatalogRequirement {
    /// What must be so once a file that was in a state is replaced or deleted.
    private static func checkOldContentEnded(_ probe: CatalogProbe, _ state: FileState, _ old: TransferJob?)
        async throws
    {
        if let old {
            let counted = try await probe.complete(old)
            try require(!counted, "the transfer of the old content still counts")
        }
        let names: [String] = [.transferring, .remote, .failed].contains(state) ? ["a.txt"] : []
        try require(
            try await probe.catalog.remoteNames(["a.txt", "b"], in: "photos"),
            is: names,
            "names on the remote"
        )
    }

    static let copies: [CatalogRequirement] =
        [FileState.local, .queued, .transferring, .remote, .failed].flatMap { state in
            [
                CatalogRequirement("replaces a file that is \(state)") { probe in
                    let (old, job) = try await probe.file(state)

                    let file = try await probe.catalog.record(probe.new(size: 9, replaces: true, dueAt: .distantPast))

                    try require(file.id, is: old.id, "identifier")
                    try require(file.generation, is: old.generation + 1, "generation")
                    try require(file.state, is: .queued, "state")
                    try require(file.size, is: 9, "size")
                    try require(file.replaces && file.place != nil, "it has a place, and replaces bytes")
                    try require(file.remoteName == nil && file.transferredAt == nil, "it isn't on the remote")
                    try require(file.attempts == 0 && file.error == nil, "its transfer hasn't failed")
                    try await checkOldContentEnded(probe, state, job)
                },
                CatalogRequirement("replaces a file that is \(state) by a delayed one") { probe in
                    let (_, job) = try await probe.file(state)

                    let file = try await probe.catalog.record(probe.new(size: 9, replaces: true, dueAt: nil))

                    try require(file.state, is: .local, "state")
                    try require(file.dueAt == nil, "it has no job")
                    try await checkOldContentEnded(probe, state, job)
                    try require(try await probe.eventTypes().last, is: .saved, "event")
                },
                CatalogRequirement("deletes a file that is \(state)") { probe in
                    let (old, job) = try await probe.file(state)

                    let tombstone = try unwrap(try await probe.catalog.delete("a.txt", in: "photos"), "tombstone")

                    try require(tombstone.id, is: old.id, "identifier")
                    try require(tombstone.state, is: .deleting, "state")
                    try require(tombstone.generation, is: old.generation + 1, "generation")
                    try await checkOldContentEnded(probe, state, job)
                    try require(try await probe.catalog.file("a.txt", in: "photos") == nil, "it still has its name")
                    try require(
                        try await probe.catalog.deletedFile("a.txt", in: "photos")?.id,
                        is: old.id,
                        "deleted file"
                    )
                    try require(
                        try await probe.catalog.deletedNames(["a.txt", "b"], in: "photos"),
                        is: ["a.txt"],
                        "deleted names"
                    )
                    try require(try await probe.catalog.delete("a.txt", in: "photos") == nil, "it was deleted twice")
                },
            ]
        } + [
            CatalogRequirement("deletes nothing where there is nothing") { probe in
                try require(try await probe.catalog.delete("a.txt", in: "photos") == nil, "deleted")
            },
            CatalogRequirement("frees a deleted file's name with its local bytes") { probe in
                let (file, _) = try await probe.file(.remote)
                _ = try await probe.catalog.delete("a.txt", in: "photos")

                try await require(.nameTaken, "record") { try await probe.catalog.record(probe.new()) }
                try await require(.nameTaken, "replace") {
                    try await probe.catalog.record(probe.new(replaces: true))
                }
                _ = try await probe.catalog.removeLocal(file) { _ in }
                let again = try await probe.catalog.record(probe.new())
                try require(again.id != file.id, "another row")
                try require(try await probe.catalog.file(id: file.id)?.hasLocal, is: false, "the tombstone")
            },
            CatalogRequirement("keeps a deleted file's row until its last copy is gone") { probe in
                let (file, _) = try await probe.file(.remote)
                _ = try await probe.catalog.delete("a.txt", in: "photos")
                let jobs = try await probe.claim()
                try require(Set(jobs.map(\.kind)), is: [.deleteLocal, .deleteRemote], "jobs")
                let remote = try unwrap(jobs.first { $0.kind == .deleteRemote }, "remote deletion")
                try require(remote.remoteName, is: "a.txt", "remote name")
                try require(remote.plannedObject == nil, "it was published, so it is ours")
                try require(remote.publishedObject?.size, is: 3, "published size")

                _ = try await probe.catalog.removeLocal(file) { _ in }
                try require(try await probe.catalog.file(id: file.id)?.state, is: .deleting, "after the local copy")
                try require(try await probe.catalog.completeDeletion(remote.ticket), "the deletion counts")
                try require(try await probe.catalog.file(id: file.id) == nil, "the row is left")
                try require(try await probe.catalog.remoteNames(["a.txt"], in: "photos"), is: [], "names on the remote")
                try require(try await probe.eventTypes().last, is: .deleted, "event")
                try require(try await probe.claim().isEmpty, "jobs are left")
            },
            CatalogRequirement("deletes a file whose local copy is gone already") { probe in
                let (file, _) = try await probe.file(.remote)
                _ = try await probe.catalog.removeLocal(file) { _ in }

                _ = try await probe.catalog.delete("a.txt", in: "photos")

                let job = try await probe.claimOne(.deleteRemote)
                _ = try await probe.catalog.completeDeletion(job.ticket)
                try require(try await probe.catalog.file(id: file.id) == nil, "the row is left")
            },
        ]
        + FileState.allCases.map { state in
            CatalogRequirement("removes the local copy of a \(state) file only if it may") { probe in
                let (file, _) = try await probe.file(state)
                let rows = Mutex<[StoredFile]>([])

                let isGone = try await probe.catalog.removeLocal(file) { row in rows.withLock { $0.append(row) } }

                try require(isGone, is: state == .remote || state == .deleting, "gone")
                try require(rows.withLock { $0 }, is: isGone ? [file] : [], "calls")
                let hasLocal = try await probe.catalog.file(id: file.id)?.hasLocal ?? false
                try require(hasLocal, is: !isGone, "local copy")
            }
        } + [
            CatalogRequirement("keeps the local copy of a later generation") { probe in
                let (file, _) = try await probe.file(.remote)
                let replacement = try await probe.catalog.record(probe.new(size: 4, replaces: true))

                let isGone = try await probe.catalog.removeLocal(file) { _ in }

                try require(!isGone, "the local copy is gone")
                try require(try await probe.catalog.file(id: file.id), is: replacement, "row")
            },
            CatalogRequirement("hands the place of an unplaced file to whoever removes it") { probe in
                let file = try await probe.catalog.record(probe.new())
                _ = try await probe.catalog.delete("a.txt", in: "photos")
                let places = Mutex<[String?]>([])

                _ = try await probe.catalog.removeLocal(file) { row in places.withLock { $0.append(row.place) } }

                try require(places.withLock { $0 }, is: [file.place], "places")
                try require(try await probe.catalog.file(id: file.id) == nil, "the row is left")
            },
            CatalogRequirement("removes what lies under a name only if no file has it") { probe in
                let file = try await probe.record()
                let removals = Mutex(0)
                func remove(_ name: String) async throws -> TransferJob? {
                    let lease = Lease(token: "T1", bootID: "boot", until: 10_000)
                    return try await probe.catalog.deleteForeign(name, in: "photos", lease: lease) {
                        removals.withLock { $0 += 1 }
                    }
                }

                try require(try await remove(file.name) == nil, "it was to remove a file's bytes")
                _ = try await probe.catalog.delete(file.name, in: "photos")
                try require(try await remove(file.name) == nil, "it was to remove a deleted file's bytes")
                try require(removals.withLock { $0 }, is: 0, "removals")
                let job = try unwrap(try await remove("foreign.txt"), "the removal")
                try require(removals.withLock { $0 }, is: 1, "removals")
                try require(job.kind, is: .deleteRemote, "kind")
                try require(job.remoteName, is: "foreign.txt", "name on the remote")
                try require(try await remove("foreign.txt") == nil, "two were to remove what the remote has")
            },
            CatalogRequirement("gives no file a name on the remote that a foreign one is being removed from") { probe in
                let lease = Lease(token: "T1", bootID: "boot", until: 10_000)
                let removal = try unwrap(
                    try await probe.catalog.deleteForeign("a.txt", in: "photos", lease: lease) {},
                    "the removal"
                )
                try await probe.record("a.txt")
                try require(try await probe.claim().isEmpty, "the name was given away")

                try require(try await probe.catalog.completeDeletion(removal.ticket), "the removal didn't count")

                try require(try await probe.claimOne().remoteName, is: "a.txt", "name on the remote")
            },
            CatalogRequirement("has a foreign file's removal done by another when its lease has lapsed") { probe in
                let lease = Lease(token: "T1", bootID: "boot", until: 10)
                _ = try await probe.catalog.deleteForeign("a.txt", in: "photos", lease: lease) {}
                let rescued = try await probe.catalog.rescue(
                    deadTokens: ["T1"],
                    storages: ["photos"],
                    bootID: "boot",
                    now: 11
                )
                try require(rescued, is: 1, "rescued jobs")

                let job = try await probe.claimOne(.deleteRemote, probe.request(token: "T2", until: 1000))

                try require(job.remoteName, is: "a.txt", "name on the remote")
                try require(try await probe.catalog.completeDeletion(job.ticket), "the removal didn't count")
                try require(try await probe.catalog.remoteNames(["a.txt"], in: "photos").isEmpty, "the name is kept")
            },
            CatalogRequirement("keeps the local copy if removing it fails") { probe in
                let (file, _) = try await probe.file(.remote)

                do {
                    _ = try await probe.catalog.removeLocal(file) { _ in throw RequirementFailure("expected") }
                    throw RequirementFailure("the error of the closure was swallowed")
                } catch let failure as RequirementFailure where failure.description == "expected" {}

                try require(try await probe.row(file.id), is: file, "row")
            },
            CatalogRequirement("removes the local copy of a transferred file when it is time") { probe in
                let file = try await probe.record()
                let transfer = try await probe.claimOne()
                try await probe.complete(transfer, deleteLocalAt: probe.now.addingTimeInterval(3600))
                try require(try await probe.claim().isEmpty, "it isn't time yet")

                let later = probe.request(now: probe.now.addingTimeInterval(3601))
                let job = try await probe.claimOne(.deleteLocal, later)
                let remote = try unwrap(job.file, "file")
                try require(remote.state, is: .remote, "state")
                _ = try await probe.catalog.removeLocal(remote) { _ in }

                let row = try await probe.row(file.id)
                try require(!row.hasLocal && row.state == .remote, "it is on the remote alone")
                try require(row.dueAt == nil, "its job is done")
                try require(try await probe.catalog.renew([job.ticket: 0], until: 20_000), is: [job.ticket], "lost")
            },
            CatalogRequirement("transfers a file again whose remote copy is lost") { probe in
                let file = try await probe.record()
                try await probe.complete(try await probe.claimOne(), deleteLocalAt: probe.now.addingTimeInterval(3600))
                let remote = try await probe.row(file.id)

                let isQueued = try await probe.catalog.requeueLost(remote, dueAt: .distantPast)
                try require(isQueued, "it was queued")
                try require(try await probe.row(file.id).state, is: .queued, "state")
                let isQueuedTwice = try await probe.catalog.requeueLost(remote, dueAt: .distantPast)
                try require(!isQueuedTwice, "it was queued twice")
                let job = try await probe.claimOne(.transfer, probe.request(now: probe.now.addingTimeInterval(99)))
                try require(job.remoteName, is: "a.txt", "remote name")
                try require(try await probe.complete(job), "it was transferred")
            },
            CatalogRequirement("doesn't transfer a lost file again without a local copy") { probe in
                let (file, _) = try await probe.file(.remote)
                _ = try await probe.catalog.removeLocal(file) { _ in }

                let isQueued = try await probe.catalog.requeueLost(file, dueAt: .distantPast)
                try require(!isQueued, "it was queued")
            },
        ]
}
