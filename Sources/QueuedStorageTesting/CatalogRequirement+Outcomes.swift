import FoundationEssentials
import QueuedStorageCore

extension CatalogRequirement {
    private static let digest = String(repeating: "0f", count: 32)

    static let outcomes: [CatalogRequirement] = [
        CatalogRequirement("completes a transfer under the name that the remote gave") { probe in
            let file = try await probe.record()
            let job = try await probe.claimOne()

            try require(try await probe.complete(job, as: "a_1.txt", sha256: digest), "it counts")

            let row = try await probe.row(file.id)
            try require(row.state, is: .remote, "state")
            try require(row.remoteName, is: "a_1.txt", "remote name")
            try require(row.sha256, is: digest, "digest")
            try require(row.hasLocal && row.transferredAt != nil, "it is on both sides, since now")
            try require(
                try await probe.catalog.remoteNames(["a.txt", "a_1.txt"], in: "photos"),
                is: ["a_1.txt"],
                "names on the remote"
            )
            let event = try unwrap(try await probe.catalog.events(after: 0, limit: 10).last, "event")
            try require(event.type, is: .transferred, "event")
            try require(event.remoteName, is: "a_1.txt", "remote name in the event")
        },
        CatalogRequirement("doesn't complete a transfer under another file's remote name") { probe in
            try await probe.record("b.txt")
            try await probe.complete(try await probe.claimOne())
            let (file, job) = try await probe.file(.transferring)

            try await require(.nameTaken, "complete") {
                try await probe.complete(try unwrap(job, "job"), as: "b.txt")
            }
            try require(try await probe.row(file.id).state, is: .transferring, "state")
        },
        CatalogRequirement("tries again later after a passing failure") { probe in
            let (file, job) = try await probe.file(.transferring)

            try require(
                try await probe.fail(try unwrap(job, "job"), retryAt: probe.now.addingTimeInterval(3600)),
                "it counts"
            )

            let row = try await probe.row(file.id)
            try require(row.state, is: .queued, "state")
            try require(row.attempts, is: 1, "attempts")
            try require(row.error?.hasPrefix("no "), is: true, "error")
            try require(try await probe.claim().isEmpty, "it isn't time yet")
            let event = try unwrap(try await probe.catalog.events(after: 0, limit: 10).last, "event")
            try require(event.type, is: .retrying, "event")
            try require(event.attempts, is: 1, "attempts in the event")
            try require(event.error, is: row.error, "error in the event")
            let again = try await probe.claimOne(.transfer, probe.request(now: probe.now.addingTimeInterval(3600)))
            try require(again.tries, is: 1, "tries")
            try require(again.remoteName, is: "a.txt", "the planned name stays")
        },
        CatalogRequirement("spends no try while the remote can't be reached") { probe in
            let (file, job) = try await probe.file(.transferring)

            try await probe.fail(try unwrap(job, "job"), .offline, retryAt: probe.now)

            try require(try await probe.row(file.id).attempts, is: 0, "attempts")
            try require(try await probe.claimOne().tries, is: 0, "tries")
        },
        CatalogRequirement("lists a transfer that was given up as failed") { probe in
            let (file, _) = try await probe.file(.failed)

            try require(file.attempts, is: 1, "attempts")
            try require(file.error != nil, "it says why")
            try require(try await probe.catalog.files(FileQuery(state: .failed)), is: [file], "failed files")
            try require(try await probe.claim().isEmpty, "it isn't tried again")
            try require(try await probe.eventTypes().last, is: .failed, "event")
        },
        CatalogRequirement("says of a later failure how often the present transfer failed") { probe in
            _ = try await probe.file(.failed)
            _ = try await probe.catalog.queueTransfer("a.txt", in: "photos", task: nil, dueAt: .distantPast)

            try await probe.fail(try await probe.claimOne(), .permanent)

            let event = try await probe.catalog.events(after: 0, limit: 10).last
            try require(event?.attempts, is: 1, "attempts")
        },
        CatalogRequirement("tries a deletion again later, and gives it up only if told so") { probe in
            _ = try await probe.file(.remote)
            let file = try unwrap(try await probe.catalog.delete("a.txt", in: "photos"), "tombstone")
            let jobs = try await probe.claim()
            for job in jobs { try await probe.fail(job, retryAt: probe.now.addingTimeInterval(3600)) }
            try require(try await probe.row(file.id).state, is: .deleting, "state")

            let later = try await probe.catalog.claim(probe.request(now: probe.now.addingTimeInterval(3600)))
            try require(later.map(\.tries), is: [1, 1], "tries")
            for job in later { try await probe.fail(job, .permanent) }
            let never = probe.request(now: probe.now.addingTimeInterval(86_400))
            try require(try await probe.catalog.claim(never).isEmpty, "given up")
            try require(try await probe.catalog.retryDeletions(in: "photos"), is: 2, "queued again")
            try require(try await probe.claim().count, is: 2, "claimed again")
        },
        CatalogRequirement("takes back a job that its worker gives back") { probe in
            let (file, job) = try await probe.file(.transferring)
            let ticket = try unwrap(job, "job").ticket

            try await probe.catalog.release([ticket])

            let row = try await probe.row(file.id)
            try require(row.state, is: .queued, "state")
            try require(row.attempts, is: 0, "attempts")
            try require(try await probe.eventTypes(), is: [.queued, .started, .queued], "events")
            let again = try await probe.claimOne()
            try require(again.fence > ticket.fence, "the fence has risen")
        },
        CatalogRequirement("prolongs leases, and says which are lost") { probe in
            try await probe.record("a.txt")
            try await probe.record("b.txt")
            let jobs = try await probe.claim()
            _ = try await probe.catalog.cancelTransfer("a.txt", in: "photos")
            let lost = try unwrap(jobs.first { $0.file?.name == "a.txt" }, "job").ticket

            let answer = try await probe.catalog.renew(
                Dictionary(uniqueKeysWithValues: jobs.map { ($0.ticket, 1) }),
                until: 20_000
            )

            try require(answer, is: [lost], "lost")
            let count = try await probe.catalog.rescue(
                deadTokens: [],
                storages: ["photos"],
                bootID: "boot",
                now: 15_000
            )
            try require(count, is: 0, "rescued")
        },
    ]

    /// What may befall a transfer while its worker sleeps.
    private static let ends: [(String, @Sendable (CatalogProbe, TransferJob) async throws -> Void)] = [
        ("was cancelled", { probe, _ in _ = try await probe.catalog.cancelTransfer("a.txt", in: "photos") }),
        ("was deleted", { probe, _ in _ = try await probe.catalog.delete("a.txt", in: "photos") }),
        ("was replaced", { probe, _ in try await probe.record(size: 9, replaces: true) }),
        ("was completed", { probe, job in try await probe.complete(job) }),
        ("was released", { probe, job in try await probe.catalog.release([job.ticket]) }),
        (
            "was released and claimed again",
            { probe, job in
                try await probe.catalog.release([job.ticket])
                _ = try await probe.claimOne()
            }
        ),
        (
            "was rescued and claimed again",
            { probe, _ in
                _ = try await probe.catalog.rescue(
                    deadTokens: ["T1"],
                    storages: ["photos"],
                    bootID: "boot",
                    now: 0
                )
                _ = try await probe.claimOne(.transfer, probe.request(token: "T2"))
            }
        ),
        ("was given up", { probe, job in try await probe.fail(job, .permanent) }),
        (
            "was given up, retried and claimed again",
            { probe, job in
                try await probe.fail(job, .permanent)
                _ = try await probe.catalog.queueTransfer("a.txt", in: "photos", task: nil, dueAt: .distantPast)
                _ = try await probe.claimOne()
            }
        ),
        (
            "was cancelled and queued again",
            { probe, _ in
                _ = try await probe.catalog.cancelTransfer("a.txt", in: "photos")
                _ = try await probe.catalog.queueTransfer("a.txt", in: "photos", task: nil, dueAt: .distantPast)
                _ = try await probe.claimOne()
            }
        ),
    ]

    static let fences: [CatalogRequirement] = ends.map { end, act in
        CatalogRequirement("lets an old ticket change nothing after its transfer \(end)") { probe in
            let (file, claimed) = try await probe.file(.transferring)
            let job = try unwrap(claimed, "job")
            try await act(probe, job)
            let row = try await probe.catalog.file(id: file.id)
            let names = ["a.txt", "b.txt", "c.txt"]
            let remoteNames = try await probe.catalog.remoteNames(names, in: "photos")

            try require(try await !probe.complete(job, as: "b.txt"), "it completed")
            try require(try await !probe.fail(job, retryAt: probe.now), "it failed")
            try require(try await !probe.catalog.plan("c.txt", for: job.ticket), "it planned a name")
            try require(try await !probe.catalog.completeDeletion(job.ticket), "it deleted")
            try await probe.catalog.release([job.ticket])
            try require(try await probe.catalog.renew([job.ticket: 9], until: 99_000), is: [job.ticket], "lost")

            try require(try await probe.catalog.file(id: file.id), is: row, "row")
            try require(try await probe.catalog.remoteNames(names, in: "photos"), is: remoteNames, "remote names")
        }
    }
}
