import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageDatabase

/// Names and options that would be SQL if they were pasted into statements.
@Suite struct NameTests {
    private static let hostile = [
        "x' OR '1'='1", "'; DROP TABLE \"storedFile\"; --", "\"; DELETE FROM \"storedFile\"; --", "a\"b", "a'b''c",
        "?1", "$1",
        ":name", "@p", "%", "_", "a%b_c", "\\", "\\'", "-- ", "x/* */y", "E'\\047'", "\u{1}", "x\ny;", "NULL", "{file}",
    ]

    @Test(arguments: Kind.allCases)
    func `keeps names that look like SQL, and finds nothing else by them`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            try await storage.store([0], as: "innocent.txt")
            for name in Self.hostile {
                #expect(try await !storage.exists(name), "\(name)")
                #expect(await failure { try await storage.bytes(name) }?.code == .notFound)
                try await storage.delete(name)
            }

            for name in Self.hostile { try await storage.store(Array(name.utf8), as: "d/" + name) }

            for name in Self.hostile { #expect(try await storage.bytes("d/" + name) == Array(name.utf8)) }
            let listed = try await storage.list("d")
            // What has a slash in it is a directory and more.
            #expect(listed.files.count + listed.directories.count >= Self.hostile.count)
            for name in Self.hostile {
                try await storage.delete("d/" + name)
                #expect(try await !storage.exists("d/" + name))
            }
            #expect(try await storage.bytes("innocent.txt") == [0])
        }
    }

    @Test(arguments: Vector.all("old_database_sql"), Kind.allCases)
    func `asks for the name of the original's fault, and for nothing else`(_ vector: Vector, _ kind: Kind) async throws
    {
        let name = try #require(vector.input.name?.string)
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            try await storage.store([1], as: "a.txt")

            // Pasted into the statement, the name found every file there is.
            #expect(try await !storage.exists(name))
            try await storage.store([2], as: name)
            #expect(try await storage.bytes(name) == [2])
            try await storage.delete(name)
            #expect(try await storage.bytes("a.txt") == [1])
        }
    }

    @Test(arguments: Vector.all("old_database_url"))
    func `has the addresses of the original`(_ vector: Vector) async throws {
        let storage = try DatabaseStorage(sqlite: "/nowhere/files.sqlite", baseURL: "/db/")

        #expect(try await storage.url(#require(vector.input.name?.string)) == vector.output?.string)
    }

    @Test(arguments: Kind.allCases)
    func `refuses names with NUL, and names that no index has room for`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            let long = Array(repeating: String(repeating: "x", count: 200), count: 6).joined(separator: "/")

            for name in ["a\0b", long] {
                #expect(await failure { try await storage.store([1], as: name) }?.code == .invalidName)
                #expect(await failure { try await storage.size(name) }?.code == .invalidName)
            }
            // Of letters that can't be compressed, up to the limit.
            let longest = String(
                pattern(1024).map { Character(Unicode.Scalar(97 + $0 % 26)) }.enumerated().map {
                    $0.offset % 128 == 127 && $0.offset < 1000 ? "/" : $0.element
                }
            )
            try await storage.store([1], as: longest)
            #expect(try await storage.exists(longest))
        }
    }

    @Test(arguments: [
        "", " ", "a b", "a\"b", "a'b", "a;b", "a-b", "1a", "é", "a.b.c", ".a", "a.", "a\0", "qstore_file", "QStore_x",
        "sqlite_x",
        "pg_class", "storedFile\" (x); DROP TABLE \"y", String(repeating: "a", count: 41),
    ])
    func `refuses a table that can't be quoted safely`(_ table: String) {
        for make in [
            { try DatabaseStorage(sqlite: "/nowhere/files.sqlite", table: table) },
            { try DatabaseStorage(postgres: PostgresOptions(database: "x"), table: table) },
        ] {
            #expect {
                _ = try make()
            } throws: { error in
                (error as? StorageError)?.code == .invalidConfiguration && "\(error)".contains("\"table\"")
            }
        }
    }

    @Test func `keeps the files of two tables apart, and of two schemas`() async throws {
        let server = try await TestServer.shared("postgres")
        let schema = "Own_\(FileName.randomSuffix())"
        try await server.obey("sql CREATE SCHEMA \"\(schema)\"")
        let options = try await PostgresOptions.test(server)
        let tables = [schema + ".files", schema + ".Files", "select"]
        let storages = try tables.map { try DatabaseStorage(postgres: options, table: $0) }

        for (number, storage) in storages.enumerated() {
            try await storage.store([UInt8(number)], as: "a", replaces: true)
        }

        for (number, storage) in storages.enumerated() { #expect(try await storage.bytes("a") == [UInt8(number)]) }
        #expect(Set(storages.map(\.fingerprint)).count == 3)
    }
}
