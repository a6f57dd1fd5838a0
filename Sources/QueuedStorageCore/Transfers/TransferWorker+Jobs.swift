import FoundationEssentials
import Logging
import Metrics

extension TransferWorker {
    /// Does one claimed job, and notes in the catalog how it ended.
    func process(_ running: RunningJob) async {
        let job = running.job
        guard let storage = storages[job.storage] else { return await giveBack(job) }
        switch job.kind {
        case .transfer: await transfer(running, storage)
        case .deleteLocal: await delete(running) { if let file = job.file { try await storage.removeSpareLocal(file) } }
        case .deleteRemote: await delete(running) { try await storage.removeRemote(job) }
        }
    }

    // MARK: Transfers

    private func transfer(_ running: RunningJob, _ storage: QueuedStorage) async {
        let job = running.job
        guard let file = job.file, let task = storage.tasks[job.task] else { return await giveBack(job) }
        let context = TransferContext(
            job: job,
            file: file,
            local: storage.local,
            remote: storage.remote,
            verification: storage.options.verification,
            catalog: catalog,
            time: time,
            observe: storage.progressObserver(for: file, time: time)
        )
        running.note(context)
        let executor = storage.hasDirectoryRemote ? BlockingWork.transferring.executor : nil
        let ending = await running.run(on: executor) {
            try await storage.checkSeparation()
            guard try await task.transfer(context) else { return false }
            _ = try await context.confirm()
            return true
        }
        switch ending {
        case .returned(true):
            await complete(job, context, storage)
        case .returned(false):
            await fail(job, storage, StorageError(.failed, "the task \"\(job.task)\" returned false"))
        case .threw(is LostJob), .stopped(.lost):
            await acknowledgeLoss(job)
        case .threw(is CancellationError), .stopped(.shutdown):
            await giveBack(job)
        case .threw(let error):
            await fail(job, storage, error)
        case .stopped(.stalled(let phase, let limit)):
            let reason = "nothing moved for \(limit) in the phase \"\(phase.rawValue)\""
            await fail(job, storage, StorageError(.timedOut, name: file.name, reason))
        case .stopped(.overdue(let limit)):
            let reason = "the attempt took more than \(limit); the next one goes on where it can"
            await fail(job, storage, StorageError(.timedOut, name: file.name, reason))
        }
    }

    private func complete(_ job: TransferJob, _ context: TransferContext, _ storage: QueuedStorage) async {
        let outcome = context.outcome
        guard let stored = outcome.stored else { return }
        let grace = outcome.deletesLocal ? await storage.graceBeforeDeletion : .zero
        let completion = TransferCompletion(
            ticket: job.ticket,
            remoteName: stored.name,
            sha256: stored.sha256,
            deleteLocalAt: outcome.deletesLocal ? time.now.addingTimeInterval(grace.seconds) : nil
        )
        guard let counted = await insist({ try await self.catalog.complete(completion) }) else { return }
        guard counted else { return await acknowledgeLoss(job) }
        Counter(label: "queued_storage_transferred_files", dimensions: [("storage", job.storage)]).increment()
        Counter(label: "queued_storage_transferred_bytes", dimensions: [("storage", job.storage)]).increment(
            by: stored.size
        )
        logger.debug(
            "transferred",
            metadata: ["storage": "\(job.storage)", "name": "\(context.name)", "remoteName": "\(stored.name)"]
        )
        if outcome.deletesLocal, grace == .zero {
            // The job for it is committed: what fails here is done again.
            do {
                try await storage.removeLocal(context.file)
            } catch {
                logger.warning(
                    "a local copy could not be deleted yet",
                    metadata: ["storage": "\(job.storage)", "name": "\(context.name)", "error": "\(error)"]
                )
            }
        }
    }

    private func fail(_ job: TransferJob, _ storage: QueuedStorage, _ error: any Error) async {
        let decision = storage.retryPolicy.decide(error, tries: job.tries)
        var failure = JobFailure(ticket: job.ticket, failureClass: .permanent, message: "\(error)", retryAt: nil)
        switch decision {
        case .giveUp(let failureClass):
            failure.failureClass = failureClass
        case .retry(let failureClass, let delay):
            failure.failureClass = failureClass
            failure.retryAt = time.now.addingTimeInterval(delay.seconds)
        }
        let noted = failure
        let counted = await insist { try await self.catalog.fail(noted) }
        if counted == false { await acknowledgeLoss(job) }
        Counter(label: "queued_storage_failed_attempts", dimensions: [("storage", job.storage)]).increment()
        logger.warning(
            failure.retryAt == nil ? "a transfer failed for good" : "an attempt to transfer failed; it is tried again",
            metadata: [
                "storage": "\(job.storage)", "name": "\(job.file?.name ?? "")", "error": "\(error)",
                "class": "\(failure.failureClass.rawValue)", "retryAt": "\(failure.retryAt.map { "\($0)" } ?? "never")",
            ]
        )
    }

    // MARK: Deletions

    /// Runs a deletion, which is never given up: what is deleted must go in the end.
    private func delete(_ running: RunningJob, _ act: @escaping @Sendable () async throws -> Void) async {
        let job = running.job
        let ending = await running.run(on: nil) {
            try await act()
            return true
        }
        switch ending {
        case .returned:
            if job.kind == .deleteRemote || job.file == nil {
                let counted = await insist { try await self.catalog.completeDeletion(job.ticket) }
                if counted == false { await acknowledgeLoss(job) }
            }
        case .threw(let error) where !(error is CancellationError):
            guard let storage = storages[job.storage] else { return }
            var policy = storage.retryPolicy
            policy.retries = nil
            let failureClass = policy.failureClass(of: error)
            var delay = policy.delay
            if case .retry(_, let after) = policy.decide(StorageError(.failed, ""), tries: job.tries) { delay = after }
            let failure = JobFailure(
                ticket: job.ticket,
                failureClass: failureClass == .permanent ? .transient : failureClass,
                message: "\(error)",
                retryAt: time.now.addingTimeInterval(delay.seconds)
            )
            let counted = await insist { try await self.catalog.fail(failure) }
            if counted == false { await acknowledgeLoss(job) }
            logger.warning(
                "a copy could not be deleted; it is tried again",
                metadata: [
                    "storage": "\(job.storage)", "name": "\(job.remoteName ?? job.file?.name ?? "")",
                    "error": "\(error)",
                ]
            )
        case .stopped(.lost):
            await acknowledgeLoss(job)
        default:
            await giveBack(job)
        }
    }

    // MARK: Endings

    private func giveBack(_ job: TransferJob) async {
        _ = await insist { try await self.catalog.release([job.ticket]) }
    }

    private func acknowledgeLoss(_ job: TransferJob) async {
        logger.debug("a job was taken away while it ran", metadata: ["storage": "\(job.storage)", "job": "\(job.id)"])
        _ = await insist { try await self.catalog.acknowledgeLoss(of: job.ticket) }
    }

    /// Tells the catalog something, again and again while it can't be written.
    ///
    /// In the end the lease lapses, and the job is done again by whoever claims it.
    private func insist<Answer: Sendable>(_ tell: @escaping @Sendable () async throws -> Answer) async -> Answer? {
        for attempt in 0..<60 {
            do {
                // Shielded from cancellation, so that a worker that ends still says how its jobs ended.
                return try await Task { try await tell() }.value
            } catch {
                logger.warning(
                    "the catalog could not be told how a job ended; trying again",
                    metadata: ["error": "\(error)", "attempt": "\(attempt + 1)"]
                )
                guard (try? await time.sleep(for: .seconds(1))) != nil else { return nil }
            }
        }
        return nil
    }
}
