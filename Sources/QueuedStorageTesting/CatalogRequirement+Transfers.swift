import FoundationEssentials
import QueuedStorageCore

extension CatalogRequirement {
    static let transfers: [CatalogRequirement] =
        FileState.allCases.flatMap { state in
            [
                CatalogRequirement("queues the transfer of a file that is \(state)") { probe in
                    let (before, _) = try await probe.file(state)

                    let file = try await probe.catalog.queueTransfer(
                        "a.txt",
                        in: "photos",
                        task: nil,
                        dueAt: .distantPast
                    )

                    switch state {
                    case .local, .failed:
                        try require(file?.state, is: .queued, "state")
                        try require(file?.attempts, is: 0, "attempts")
                        try require(file?.error == nil, "no error")
                        try require(try await probe.eventTypes().last, is: .queued, "event")
                        _ = try await probe.claimOne()
                    case .queued, .transferring, .remote:
                        try require(file, is: before, "file")
                    case .deleting:
                        try require(file == nil, "a deleted file isn't there")
                    }
                },
                CatalogRequirement("cancels the transfer of a file that is \(state)") { probe in
                    let (before, job) = try await probe.file(state)

                    let isCancelled = try await probe.catalog.cancelTransfer("a.txt", in: "photos")

                    try require(isCancelled, is: [.queued, .transferring, .failed].contains(state), "cancelled")
                    let file = try await probe.row(before.id)
                    guard isCancelled else { return try require(file, is: before, "file") }
                    try require(file.state, is: .local, "state")
                    try require(file.dueAt == nil, "it has no job")
                    try require(try await probe.eventTypes().last, is: .cancelled, "event")
                    guard let job else { return }
                    let counted = try await probe.complete(job)
                    try require(!counted, "the cancelled transfer counts")
                },
            ]
        } + [
            CatalogRequirement("makes a queued transfer due earlier, never later") { probe in
                try await probe.record(dueAt: probe.now.addingTimeInterval(3600))

                let later = try await probe.catalog.queueTransfer(
                    "a.txt",
                    in: "photos",
                    task: nil,
                    dueAt: probe.now.addingTimeInterval(7200)
                )
                try require(try unwrap(later?.dueAt, "due") < probe.now.addingTimeInterval(3601), "it is due later")
                _ = try await probe.catalog.queueTransfer("a.txt", in: "photos", task: nil, dueAt: probe.now)
                _ = try await probe.claimOne()
            },
            CatalogRequirement("transfers by another task for once") { probe in
                try await probe.record(dueAt: nil)
                _ = try await probe.catalog.queueTransfer("a.txt", in: "photos", task: "Other", dueAt: .distantPast)

                try require(try await probe.claim().isEmpty, "a worker that doesn't know the task claimed it")
                let job = try await probe.claimOne(.transfer, probe.request(tasks: ["Other"]))
                try require(job.task, is: "Other", "task of the job")
                try require(job.file?.task, is: "Transfer", "task of the file")
            },
            CatalogRequirement("leaves nothing on the remote of a cancelled transfer") { probe in
                let (_, job) = try await probe.file(.transferring)
                _ = try await probe.catalog.cancelTransfer("a.txt", in: "photos")

                try require(try await probe.claim().isEmpty, "the name is deleted while it may still be published")
                try await probe.catalog.acknowledgeLoss(of: try unwrap(job, "job").ticket)
                let deletion = try await probe.claimOne(.deleteRemote)
                try require(deletion.remoteName, is: "a.txt", "remote name")
                try require(deletion.plannedObject?.size, is: 3, "planned size")
                _ = try await probe.catalog.completeDeletion(deletion.ticket)
                try require(try await probe.catalog.remoteNames(["a.txt"], in: "photos"), is: [], "names on the remote")
                try require(try await probe.catalog.file("a.txt", in: "photos")?.state, is: .local, "file")
            },
        ]

    static let claims: [CatalogRequirement] = [
        CatalogRequirement("claims a transfer once") { probe in
            let file = try await probe.record()

            let job = try await probe.claimOne()

            try require(job.file?.id, is: file.id, "file")
            try require(job.file?.state, is: .transferring, "state")
            try require(job.remoteName, is: "a.txt", "remote name")
            try require(job.tries, is: 0, "tries")
            try require(try await probe.other.claim(probe.request(token: "T2")).isEmpty, "it was claimed twice")
            try require(try await probe.row(file.id).state, is: .transferring, "state in the catalog")
            try require(try await probe.eventTypes(), is: [.queued, .started], "events")
        },
        CatalogRequirement("divides jobs among workers without overlap") { probe in
            for number in 0..<30 { try await probe.record("\(number)") }

            let claimed = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for worker in 0..<10 {
                    let catalog = worker.isMultiple(of: 2) ? probe.catalog : probe.other
                    group.addTask { try await catalog.claim(probe.request(limit: 3)).map(\.id) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            try require(claimed.count, is: 30, "claims")
            try require(Set(claimed).count, is: 30, "jobs")
        },
        CatalogRequirement("claims what is due, the oldest first, as many as wanted") { probe in
            try await probe.record("late", dueAt: probe.now.addingTimeInterval(3600))
            try await probe.record("second", dueAt: probe.now.addingTimeInterval(-5))
            try await probe.record("first", dueAt: probe.now.addingTimeInterval(-10))
            try await probe.record("third", dueAt: probe.now.addingTimeInterval(-1))

            let claimed = try await probe.catalog.claim(probe.request(limit: 2))

            try require(claimed.map { $0.file?.name }, is: ["first", "second"], "first claim")
            try require(try await probe.claim().map { $0.file?.name }, is: ["third"], "second claim")
            let later = probe.request(now: probe.now.addingTimeInterval(3600))
            try require(try await probe.catalog.claim(later).map { $0.file?.name }, is: ["late"], "third claim")
        },
        CatalogRequirement("gives each storage its turn") { probe in
            for number in 0..<20 { try await probe.record("\(number)", dueAt: probe.now.addingTimeInterval(-60)) }
            for number in 0..<2 { try await probe.record("\(number)", in: "videos", dueAt: probe.now) }

            let claimed = try await probe.catalog.claim(probe.request(limit: 4))

            try require(claimed.filter { $0.storage == "videos" }.count, is: 2, "claims of the smaller storage")
        },
        CatalogRequirement("leaves alone what a worker doesn't know") { probe in
            try await probe.record("a.txt", task: "Unknown")
            try await probe.record("b.txt", in: "videos")
            var request = probe.request()
            request.storages = ["photos"]

            try require(try await probe.catalog.claim(request).isEmpty, "claimed")
            let unclaimable = try await probe.catalog.unclaimable(tasks: ["photos": ["Transfer"]])
            try require(
                Set(unclaimable),
                is: [
                    UnclaimableJobs(storage: "photos", task: "Unknown", count: 1),
                    UnclaimableJobs(storage: "videos", task: "Transfer", count: 1),
                ],
                "unclaimable"
            )
        },
        CatalogRequirement("claims again at once when the clock is set back") { probe in
            try await probe.record()
            let job = try await probe.claimOne()
            try await probe.fail(job, retryAt: probe.now.addingTimeInterval(300))
            try require(try await probe.claim().isEmpty, "it isn't time yet")

            let yesterday = probe.request(now: probe.now.addingTimeInterval(-86_400))

            _ = try await probe.claimOne(.transfer, yesterday)
        },
        CatalogRequirement("tells when the next job is due") { probe in
            let tasks: [String: Set<String>] = ["photos": ["Transfer"], "videos": ["Transfer"]]
            let aliases = CatalogProbe.aliases
            let none = try await probe.catalog.nextDueAt(storages: aliases, tasks: tasks)
            try require(none == nil, "there is no job")
            try await probe.record("a.txt", dueAt: probe.now.addingTimeInterval(3600))
            let soonest = try await probe.record("b.txt", in: "videos", dueAt: probe.now.addingTimeInterval(30))
            try await probe.record("c.txt", task: "Unknown", dueAt: probe.now)

            let next = try await probe.catalog.nextDueAt(storages: aliases, tasks: tasks)

            try require(next, is: soonest.dueAt, "next")
        },
    ]
}
