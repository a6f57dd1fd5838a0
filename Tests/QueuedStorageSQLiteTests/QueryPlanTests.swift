import GRDB
import QueuedStorageCore
import Testing

@testable import QueuedStorageSQLite

@Suite struct QueryPlanTests {
    /// Tables that stay small: no statement is slow for walking through them.
    private static let smallTables = ["SCAN t", "SCAN qstore_storage", "SCAN CONSTANT ROW", "SCAN sqlite_sequence"]

    @Test(arguments: SQL.hot)
    func `walks through no table`(_ sql: String) async throws {
        let plan = try await withCatalog { catalog in
            try await catalog.read { db in
                let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                let arguments = StatementArguments(Array(repeating: 1, count: statement.sqliteParameterCount))
                return try Row.fetchAll(statement, arguments: arguments).map { $0["detail"] as String }
            }
        }

        let scans = plan.filter { step in
            step.hasPrefix("SCAN") && !Self.smallTables.contains { step == $0 }
        }
        #expect(scans == [], "\(sql)\n\(plan.joined(separator: "\n"))")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(sql)\n\(plan.joined(separator: "\n"))")
    }

    /// Trimming begins with the oldest event, and ends with the last that it removes.
    @Test(arguments: SQL.hot.filter { !$0.hasPrefix("SELECT") && $0 != SQL.trimEvents })
    func `walks through no table in a trigger`(_ sql: String) async throws {
        let scans = try await withCatalog { catalog in
            try await catalog.read { db in
                let sequences = try Int.fetchOne(
                    db,
                    sql: "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_sequence'"
                )
                let statement = try db.makeStatement(sql: "EXPLAIN \(sql)")
                let arguments = StatementArguments(Array(repeating: 1, count: statement.sqliteParameterCount))
                // The programs of the triggers follow that of the statement, each from address 0 on.
                var tables: [Int: Int] = [:]
                var scans: [String] = []
                for row in try Row.fetchAll(statement, arguments: arguments) {
                    if row["addr"] == 0 { tables = [:] }
                    let cursor: Int = row["p1"]
                    switch row["opcode"] as String {
                    case "OpenRead", "OpenWrite": tables[cursor] = row["p2"]
                    case "OpenAutoindex": scans.append("automatic index")
                    case "Rewind", "Last":
                        // What isn't a table is a list that the statement made itself.
                        if let table = tables[cursor], table != sequences { scans.append("table at page \(table)") }
                    default: break
                    }
                }
                return scans
            }
        }

        #expect(scans == [])
    }
}

extension Statement {
    /// How many arguments the statement takes.
    fileprivate var sqliteParameterCount: Int { sql.count { $0 == "?" } }
}
