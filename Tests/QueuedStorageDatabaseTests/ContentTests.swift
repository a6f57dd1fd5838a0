import GRDB
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageDatabase

/// How files lie in the tables, and what happens to them there.
@Suite struct ContentTests {
    @Test(arguments: Kind.allCases)
    func `keeps each file as chunks, and gives back any part of it`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let size = Int64(64 << 10)
            for count in [0, 1, size - 1, size, size + 1, 3 * size, 80 * size + 7] {
                let bytes = pattern(Int(count))

                let stored = try await storage.store(bytes, as: "\(count)")

                #expect(stored.size == count)
                #expect(stored.verifiedBy == (kind == .postgres ? .sha256 : nil))
                #expect(try await storage.bytes("\(count)") == bytes)
                #expect(try await storage.checksum("\(count)")?.value == stored.sha256)
                let parts: [Range<Int64>] = [0..<1, size - 1..<size + 1, size..<2 * size, count - 1..<count + 5]
                for part in parts where part.lowerBound >= 0 {
                    let wanted = part.clamped(to: 0..<count)
                    #expect(
                        try await storage.bytes("\(count)", part)
                            == Array(bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)])
                    )
                }
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `keeps 64 MiB`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            let bytes = pattern(64 << 20)

            let stored = try await storage.store(bytes, as: "large.bin")

            #expect(try await storage.checksum("large.bin")?.value == stored.sha256)
            #expect(try await storage.open("large.bin").sha256() == stored.sha256)
        }
    }

    @Test(arguments: Kind.allCases)
    func `copies a file inside the database, with all that is known of it`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let bytes = pattern(300 << 16)
            let stored = try await storage.store(bytes, as: "a.bin")

            try await storage.copy("a.bin", to: "d/b.bin")
            try await storage.delete("a.bin")

            #expect(try await storage.bytes("d/b.bin") == bytes)
            #expect(try await storage.checksum("d/b.bin")?.value == stored.sha256)
        }
    }

    @Test(arguments: Kind.allCases)
    func `lists 2,500 files and the directories beside them, each once`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            let names = (0..<2500).map { "many/file-\($0 + 10_000)" }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for part in 0..<8 {
                    group.addTask {
                        for name in names.indices where name % 8 == part {
                            try await storage.store([], as: names[name])
                        }
                    }
                }
                try await group.waitForAll()
            }
            // "a-b" and "a0" are before and behind "a/" in the order of the index.
            for name in ["many/a/b/c", "many/a/b/d", "many/a-b/c", "many/a0/c", "many/a", "manyother/x", "man/y", "z"] {
                try await storage.store([1], as: name)
            }

            let many = try await storage.list("many")
            let root = try await storage.list("")

            #expect(many.files == ["a"] + names.map { String($0.dropFirst(5)) })
            #expect(many.directories == ["a", "a-b", "a0"])
            #expect(root == DirectoryListing(directories: ["man", "many", "manyother"], files: ["z"]))
            #expect(try await storage.list("many/a") == DirectoryListing(directories: ["b"], files: []))
            #expect(try await storage.list("many/a/b").files == ["c", "d"])
        }
    }

    @Test(arguments: Kind.allCases)
    func `lets who reads a file read on while it is replaced or deleted`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let (old, new) = (pattern(500_000), pattern(400_000, seed: 7))
            try await storage.store(old, as: "a.bin")
            var reader: FileReader.Iterator? = try await storage.open("a.bin").makeAsyncIterator()
            var bytes = try await reader?.next() ?? []

            try await storage.store(new, as: "a.bin", replaces: true)
            while let buffer = try await reader?.next() { bytes += buffer }

            #expect(bytes == old)
            #expect(try await storage.bytes("a.bin") == new)
            #expect(try await storage.leftovers().count == 1)
            reader = nil
            try await storage.delete("a.bin")
            #expect(try await storage.leftovers().isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `tells who reads a file that another process deleted to open it again`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            try await storage.store(pattern(500_000), as: "a.bin")
            var reader = try await storage.open("a.bin").makeAsyncIterator()
            _ = try await reader.next()

            try await database.storage().delete("a.bin")

            let error = await failure { while try await reader.next() != nil {} }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("open it again") == true)
        }
    }

    @Test(arguments: Kind.allCases)
    func `gives a name to one of many, and keeps nothing of the others`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let results = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<12 {
                    // As from several processes, with connections of their own.
                    let storage = try database.storage(chunkSize: 64 << 10)
                    group.addTask {
                        do {
                            try await storage.store(pattern(200_000, seed: UInt32(number)), as: "one.bin")
                            return number
                        } catch let error as StorageError where error.code == .alreadyExists {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Int]()) { $0 += $1.map { [$0] } ?? [] }
            }

            try #require(results.count == 1)
            let storage = try database.storage()
            #expect(try await storage.bytes("one.bin") == pattern(200_000, seed: UInt32(results[0])))
            #expect(try await storage.leftovers().isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `shows one whole file or another while several replace it`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            try await storage.store(pattern(200_000), as: "one.bin")
            let created = try await storage.createdAt("one.bin")

            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        try await storage.store(pattern(200_000, seed: UInt32(number)), as: "one.bin", replaces: true)
                    }
                    group.addTask {
                        let count = try await storage.bytes("one.bin").count
                        #expect(count == 200_000)
                    }
                }
                try await group.waitForAll()
            }

            let bytes = try await storage.bytes("one.bin")
            #expect((0..<6).contains { bytes == pattern(200_000, seed: UInt32($0)) })
            #expect(try await storage.createdAt("one.bin") == created)
            try await storage.delete("one.bin")
            #expect(try await storage.leftovers().isEmpty)
        }
    }
}

/// What SQLite's file really has.
@Suite struct SQLiteFileTests {
    @Test func `keeps no chunk of what is deleted, replaced or cancelled`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/files.sqlite"
            let storage = try DatabaseStorage(sqlite: path, chunkSize: 64 << 10)
            try await storage.store(pattern(1_000_000), as: "a.bin")
            try await storage.store(pattern(200_000), as: "a.bin", replaces: true)
            try await storage.store(pattern(9 << 20), as: "b.bin")
            try await storage.delete("b.bin")
            let task = Task {
                try await storage.store(
                    .stream(CancelledContent(after: 9)),
                    as: "c.bin",
                    options: StoreOptions()
                )
            }
            guard case .failure(let error) = await task.result else { Issue.record("it was stored"); return }
            #expect(error is CancellationError)

            let database = try DatabaseQueue(path: path)
            let (files, chunks) = try await database.read { db in
                (
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM storedFile"),
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM storedFile_chunk")
                )
            }
            #expect(files == 1)
            #expect(chunks == 4)
        }
    }

    @Test func `finds names and lists directories by the index alone`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/files.sqlite"
            let storage = try DatabaseStorage(sqlite: path)
            try await storage.store([1], as: "a/b.bin")
            _ = try await storage.list("a")
            let tables = FileTables(table: try TableName("storedFile", allowsSchema: false), dialect: .sqlite)

            let plans = try await DatabaseQueue(path: path).read { db in
                let explainer = Explainer(db)
                _ = try tables.find("a", explainer)
                _ = try tables.open("a", at: 0, explainer)
                _ = try tables.files(in: "a/", after: "", limit: 10, explainer)
                _ = try tables.directories(in: "a/", explainer)
                _ = try tables.directories(in: "", explainer)
                _ = try tables.extentPlan(explainer)
                return explainer.steps
            }

            #expect(plans.count > 8)
            for step in plans where step.contains("storedFile") {
                #expect(step.contains("SEARCH") && step.contains("INDEX"))
            }
        }
    }

    @Test func `says that no space is left, and keeps nothing of the file`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/files.sqlite"
            let storage = try DatabaseStorage(sqlite: path)
            try await storage.store(pattern(1000), as: "a.bin")
            // A disk that is full, as SQLite sees it.
            let database = try #require(storage.database as? SQLiteDatabase)
            _ = try await database.perform(.read, isCancellable: false) { try $0.run("SELECT 1") }
            try await database.limit(toPages: 100)

            let error = await failure { try await storage.store(pattern(9 << 20), as: "b.bin") }

            #expect(error?.code == .full)
            #expect(try await storage.leftovers().isEmpty)
            #expect(try await storage.bytes("a.bin") == pattern(1000))
        }
    }

    @Test func `refuses the database of a catalog`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/catalog.sqlite"
            let queue = try DatabaseQueue(path: path)
            try await queue.write { try $0.execute(sql: "CREATE TABLE qstore_migration (version INTEGER)") }

            let error = await failure { try await DatabaseStorage(sqlite: path).exists("a") }

            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("a database file of its own") == true)
        }
    }

    @Test func `refuses a table that is another application's`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/app.sqlite"
            let queue = try DatabaseQueue(path: path)
            try await queue.write { try $0.execute(sql: "CREATE TABLE photo (id INTEGER, name TEXT)") }

            let error = await failure { try await DatabaseStorage(sqlite: path, table: "photo").exists("a") }

            #expect(error?.code == .invalidConfiguration)
            #expect(try await !DatabaseStorage(sqlite: path, table: "files").exists("a"))
        }
    }

    @Test func `says what is wrong with a file that is no database, or in no directory`() async throws {
        try await withTemporaryDirectory { directory in
            try FileSystemText.write("not a database, but long enough to be looked at", to: directory + "/text")
            for path in ["/text", "/missing/files.sqlite"] {
                let error = await failure { try await DatabaseStorage(sqlite: directory + path).exists("a") }
                #expect(error?.code == .invalidConfiguration)
                #expect(error?.message.contains(directory + path) == true)
            }
        }
    }
}
