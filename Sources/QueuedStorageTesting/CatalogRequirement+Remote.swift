import FoundationEssentials
import QueuedStorageCore

extension CatalogRequirement {
    static let remoteNames: [CatalogRequirement] = [
        CatalogRequirement("plans another remote name when asked") { probe in
            let (_, claimed) = try await probe.file(.transferring)
            let job = try unwrap(claimed, "job")

            try require(try await probe.catalog.plan("b.txt", for: job.ticket), "it counts")
            try require(try await probe.catalog.plan("b.txt", for: job.ticket), "it counts twice")

            try require(
                try await probe.catalog.remoteNames(["a.txt", "b.txt"], in: "photos"),
                is: ["b.txt"],
                "names on the remote"
            )
            try await probe.catalog.release([job.ticket])
            try require(try await probe.claimOne().remoteName, is: "b.txt", "the plan stays")
        },
        CatalogRequirement("keeps what is known of an upload, for the next attempt and for who removes it") { probe in
            let (_, claimed) = try await probe.file(.transferring)
            let job = try unwrap(claimed, "job")
            try require(job.upload == nil, "there is one already")

            try require(try await probe.catalog.keepUpload("one", for: job.ticket), "it counts")
            try require(try await probe.catalog.keepUpload("two", for: job.ticket), "it counts again")
            try await probe.catalog.release([job.ticket])
            let next = try await probe.claimOne()
            try require(next.upload, is: "two", "upload")
            try require(try await !probe.catalog.keepUpload("three", for: job.ticket), "an older fence counts")

            _ = try await probe.catalog.delete("a.txt", in: "photos")
            try await probe.catalog.acknowledgeLoss(of: next.ticket)
            let deletion = try await probe.claim().first { $0.kind == .deleteRemote }
            try require(try unwrap(deletion, "deletion").upload, is: "two", "upload to abandon")
        },
        CatalogRequirement("plans no remote name that another file has") { probe in
            try await probe.record("b.txt")
            try await probe.complete(try await probe.claimOne(), as: "c.txt")
            let (_, job) = try await probe.file(.transferring)

            try await require(.nameTaken, "plan") {
                try await probe.catalog.plan("c.txt", for: try unwrap(job, "job").ticket)
            }
            try require(
                try await probe.catalog.remoteNames(["a.txt", "c.txt"], in: "photos"),
                is: ["a.txt", "c.txt"],
                "names on the remote"
            )
        },
        CatalogRequirement("plans another name where another file's remote copy has it") { probe in
            try await probe.record("b.tar.gz")
            try await probe.complete(try await probe.claimOne(), as: "d/a.tar.gz")
            try await probe.record("d/a.tar.gz")

            let name = try unwrap(try await probe.claimOne().remoteName, "remote name")

            try require(name.hasPrefix("d/a_") && name.hasSuffix(".tar.gz"), "the name \(name)")
            try require(name.utf8.count, is: "d/a_1234567.tar.gz".utf8.count, "length of \(name)")
        },
        CatalogRequirement("keeps a replaced file's remote name, once the old content is gone") { probe in
            _ = try await probe.file(.remote)
            try await probe.record(size: 9, replaces: true)

            let deletion = try await probe.claimOne(.deleteRemote)
            let next = try await probe.catalog.nextDueAt(storages: ["photos"], tasks: ["photos": ["Transfer"]])
            try require(next == nil, "a transfer that waits for its name is due at \(String(describing: next))")
            _ = try await probe.catalog.completeDeletion(deletion.ticket)

            try require(try await probe.claimOne().remoteName, is: "a.txt", "remote name")
        },
        CatalogRequirement("gives a replaced file another remote name if the old one can't be freed now") { probe in
            _ = try await probe.file(.remote)
            try await probe.record(size: 9, replaces: true)
            let deletion = try await probe.claimOne(.deleteRemote)

            try await probe.fail(deletion, retryAt: probe.now.addingTimeInterval(3600))

            let name = try await probe.claimOne().remoteName
            try require(name != "a.txt" && name?.hasPrefix("a_") == true, "the name \(name ?? "nil")")
        },
        CatalogRequirement("gives a file another remote name while an old transfer may still publish its own") {
            probe in
            _ = try await probe.file(.transferring)
            try await probe.record(size: 9, replaces: true)

            let name = try await probe.claimOne().remoteName

            try require(name != "a.txt", "the name may be published by the old transfer")
        },
        CatalogRequirement("frees a name at once when the attempt that lost it says that it has ended") { probe in
            let (_, job) = try await probe.file(.transferring)
            try await probe.record(size: 9, replaces: true, dueAt: nil)
            try require(try await probe.claim().isEmpty, "the deletion waits for the attempt")

            try await probe.catalog.acknowledgeLoss(of: try unwrap(job, "job").ticket)

            _ = try await probe.claimOne(.deleteRemote)
        },
        CatalogRequirement("doesn't free a name when only an earlier attempt has ended") { probe in
            let (_, job) = try await probe.file(.transferring)
            let first = try unwrap(job, "job").ticket
            try await probe.catalog.release([first])
            let second = try await probe.claimOne().ticket
            _ = try await probe.catalog.delete("a.txt", in: "photos")
            _ = try await probe.claimOne(.deleteLocal)

            try await probe.catalog.acknowledgeLoss(of: first)
            try require(try await probe.claim().isEmpty, "the later attempt may still publish")
            try await probe.catalog.acknowledgeLoss(of: second)
            _ = try await probe.claimOne(.deleteRemote)
        },
    ]

    private static func rescue(
        _ probe: CatalogProbe,
        dead: Set<String> = [],
        boot: String = "boot",
        now: Int64 = 5000
    ) async throws -> Int {
        try await probe.other.rescue(deadTokens: dead, storages: ["photos"], bootID: boot, now: now)
    }

    static let rescues: [CatalogRequirement] = [
        CatalogRequirement("leaves a living worker its jobs") { probe in
            let (file, _) = try await probe.file(.transferring)

            try require(try await rescue(probe, dead: ["T9"]), is: 0, "rescued")
            try require(try await probe.row(file.id).state, is: .transferring, "state")
            try require(
                try await probe.catalog.leaseholders(storages: CatalogProbe.aliases),
                is: ["photos": ["T1"]],
                "leaseholders"
            )
        },
        CatalogRequirement("rescues a transfer whose worker died") { probe in
            let (file, _) = try await probe.file(.transferring)

            try require(try await rescue(probe, dead: ["T1"]), is: 1, "rescued")
            let row = try await probe.row(file.id)
            try require(row.state, is: .queued, "state")
            try require(row.attempts, is: 0, "attempts")
            _ = try await probe.claimOne()
        },
        CatalogRequirement("rescues a transfer of another boot") { probe in
            _ = try await probe.file(.transferring)

            try require(try await rescue(probe, boot: "next"), is: 1, "rescued")
            _ = try await probe.claimOne()
        },
        CatalogRequirement("rescues a transfer whose lease has lapsed") { probe in
            _ = try await probe.file(.transferring)

            try require(try await rescue(probe, now: 10_001), is: 1, "rescued")
            _ = try await probe.claimOne()
        },
        CatalogRequirement("rescues deletions too") { probe in
            _ = try await probe.file(.remote)
            _ = try await probe.catalog.delete("a.txt", in: "photos")
            try require(try await probe.claim().count, is: 2, "claimed")

            try require(try await rescue(probe, dead: ["T1"]), is: 2, "rescued")
            try require(try await probe.claim().count, is: 2, "claimed again")
        },
        CatalogRequirement("rescues nothing of storages that it isn't asked for") { probe in
            try await probe.record("a.txt", in: "videos")
            _ = try await probe.claimOne()

            try require(try await rescue(probe, dead: ["T1"]), is: 0, "rescued")
        },
        CatalogRequirement("deletes what a dead worker may have published") { probe in
            _ = try await probe.file(.transferring)
            _ = try await probe.catalog.delete("a.txt", in: "photos")
            _ = try await probe.claimOne(.deleteLocal)
            let holders = try await probe.catalog.leaseholders(storages: ["photos"])
            try require(holders, is: ["photos": ["T1"]], "whom the deletion waits for")

            try require(try await rescue(probe, dead: ["T2"]), is: 0, "rescued")
            try require(try await probe.claim().isEmpty, "the worker may still publish")
            _ = try await rescue(probe, dead: ["T1"])
            let deletion = try await probe.claim().first { $0.kind == .deleteRemote }
            try require(deletion?.remoteName, is: "a.txt", "remote name")
        },
        CatalogRequirement("waits an hour for a worker that lives on after its lease") { probe in
            _ = try await probe.file(.transferring)
            try await probe.record(size: 9, replaces: true, dueAt: nil)

            _ = try await rescue(probe, now: 10_001)
            try require(try await probe.claim().isEmpty, "the lease has only just lapsed")
            _ = try await rescue(probe, now: 10_001 + 3_600_000)
            _ = try await probe.claimOne(.deleteRemote)
        },
        CatalogRequirement("waits for a worker whose transfer was rescued while it slept") { probe in
            let (_, job) = try await probe.file(.transferring)
            _ = try await rescue(probe, now: 10_001)

            try await probe.record(size: 9, replaces: true, dueAt: nil)

            try require(try await probe.claim().isEmpty, "the sleeper may still publish")
            try await probe.catalog.acknowledgeLoss(of: try unwrap(job, "job").ticket)
            _ = try await probe.claimOne(.deleteRemote)
        },
        CatalogRequirement("waits for each of several workers whose transfer was rescued while they slept") { probe in
            let (_, job) = try await probe.file(.transferring)
            let first = try unwrap(job, "job").ticket
            _ = try await rescue(probe, now: 10_001)
            let second = try await probe.claimOne(.transfer, probe.request(token: "T2", until: 20_000)).ticket
            _ = try await rescue(probe, now: 20_001)
            let holders = try await probe.catalog.leaseholders(storages: ["photos"])
            try require(holders, is: ["photos": ["T1", "T2"]], "who may still publish")

            try await probe.record(size: 9, replaces: true, dueAt: nil)

            try require(try await probe.claim().isEmpty, "both may still publish")
            try await probe.catalog.acknowledgeLoss(of: second)
            try require(try await probe.claim().isEmpty, "the first may still publish")
            try await probe.catalog.acknowledgeLoss(of: first)
            _ = try await probe.claimOne(.deleteRemote)
        },
        CatalogRequirement("waits for a worker that sleeps on after another has done its transfer") { probe in
            let (_, job) = try await probe.file(.transferring)
            _ = try await rescue(probe, now: 10_001)
            try await probe.complete(try await probe.claimOne(.transfer, probe.request(token: "T2", until: 20_000)))

            _ = try await probe.catalog.delete("a.txt", in: "photos")

            _ = try await probe.claimOne(.deleteLocal)
            try require(try await probe.claim().isEmpty, "the sleeper may still publish")
            try await probe.catalog.acknowledgeLoss(of: try unwrap(job, "job").ticket)
            _ = try await probe.claimOne(.deleteRemote)
        },
        CatalogRequirement("doesn't wait for a worker of another boot") { probe in
            _ = try await probe.file(.transferring)
            try await probe.record(size: 9, replaces: true, dueAt: nil)

            _ = try await rescue(probe, boot: "next")

            _ = try await probe.claimOne(.deleteRemote)
        },
    ]
}
