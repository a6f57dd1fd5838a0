import Foundation
import GRDB
import QueuedStorageCore

@testable import QueuedStorageDatabase

/// Asks SQLite how it would run statements, instead of running them.
final class Explainer: SQLSession {
    private let db: GRDB.Database
    private(set) var steps: [String] = []

    init(_ db: GRDB.Database) { self.db = db }

    func run(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        let values = arguments.map { argument -> (any DatabaseValueConvertible)? in
            switch argument {
            case .null: nil
            case .integer(let value): value
            case .text(let value): value
            case .bytes(let value): Data(value)
            }
        }
        let rows = try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql, arguments: StatementArguments(values))
        steps += rows.map { $0["detail"] }
        return [[.integer(1), .integer(1), .integer(1), .null, .null]]
    }
}

extension FileTables {
    /// What looks at all chunks of a file must not look at those of others.
    func extentPlan(_ session: Explainer) throws { _ = try extent(of: 1, session) }
}

extension SQLiteDatabase {
    /// Lets the database grow to a number of pages and no further.
    func limit(toPages count: Int) async throws {
        _ = try await perform(.statement, isCancellable: false) { try $0.run("PRAGMA max_page_count = \(count)") }
    }
}

/// Texts in files.
enum FileSystemText {
    static func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}

/// Megabytes, and then the task that reads them is cancelled.
struct CancelledContent: AsyncSequence, Sendable {
    let after: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        var left: Int

        mutating func next() async throws -> [UInt8]? {
            guard left > 0 else {
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
                return nil
            }
            left -= 1
            return [UInt8](repeating: 7, count: 1 << 20)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(left: after) }
}
