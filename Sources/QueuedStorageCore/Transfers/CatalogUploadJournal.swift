import Synchronization

/// Keeps an upload's identifier, and what its storage must know again, with the job in the catalog.
///
/// The record is the identifier, a blank, and the storage's text.
final class CatalogUploadJournal: UploadJournal {
    private struct Record {
        var id: String
        var text: String?

        init(id: String) { self.id = id }

        init?(_ kept: String) {
            let parts = kept.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard let id = parts.first, Place.isIdentifier(String(id)) else { return nil }
            self.id = String(id)
            text = parts.count > 1 ? String(parts[1]) : nil
        }

        var kept: String { text.map { "\(id) \($0)" } ?? id }
    }

    private let record: Mutex<Record?>
    private let catalog: any Catalog
    private let ticket: JobTicket

    init(_ kept: String?, catalog: any Catalog, ticket: JobTicket) {
        record = Mutex(kept.flatMap(Record.init))
        self.catalog = catalog
        self.ticket = ticket
    }

    /// The job's upload; a new one is kept before its first byte is sent, so that it can be found and abandoned.
    func upload(as name: String) async throws -> Upload {
        if let known = record.withLock({ $0 }) { return Upload(id: known.id, name: name, journal: self) }
        let new = Record(id: FileName.randomIdentifier())
        record.withLock { $0 = new }
        try await keep()
        return Upload(id: new.id, name: name, journal: self)
    }

    /// The upload that an earlier attempt began; nil if none did.
    func upload(begunFor name: String) -> Upload? {
        record.withLock { $0 }.map { Upload(id: $0.id, name: name, journal: self) }
    }

    func read() async -> String? { record.withLock { $0?.text } }

    func write(_ text: String) async throws {
        record.withLock { $0?.text = text }
        try await keep()
    }

    /// Commits what is known, with the name that is planned now.
    func keep() async throws {
        guard let kept = record.withLock({ $0?.kept }) else { return }
        guard try await catalog.keepUpload(kept, for: ticket) else { throw LostJob() }
    }
}
