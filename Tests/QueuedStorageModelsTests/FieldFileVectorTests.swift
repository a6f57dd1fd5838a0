import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import TestSupport
import Testing

/// A model as in the vectors: `Doc` with the fields `f` and `short`.
private struct Doc: Model {
    var id: Int64?
    var f = QueuedFieldFile<F>()
    var short = QueuedFieldFile<Short>()

    /// Keeps files as Django does.
    enum F: QueuedFileField {
        static var storage: QueuedStorage { Photo.Image.storage }
        static let uploadTo: UploadPath = "up"
        static let onDelete = FilePolicy.keep
        static let onReplace = FilePolicy.keep
    }

    enum Short: QueuedFileField {
        static var storage: QueuedStorage { Photo.Image.storage }
        static let uploadTo: UploadPath = "up"
        static let maxLength = 20
    }

    static let fileFields = FileFields<Doc>(\.f, \.short)
}

/// What Django's fields and their files do, as it was observed.
@Suite struct FieldFileVectorTests {
    /// Where we do something else, by the vector's identifier and the member of its output; all of it for `*`.
    static let instead: [String: [String: String]] = [
        "field_file/001": [
            "closed": "A reader is a value that closes itself; a field has nothing to close.",
            "close": "As for closed.",
            "file": "open() is the one way to read.",
        ],
        "field_file/010": [
            "closed_initially": "A reader is a value that closes itself; a field has nothing to close.",
            "open_returns_self": "Opening returns a reader of its own, so that two can read at once.",
            "closed_after_open": "As for closed_initially.",
            "closed_after_close": "As for closed_initially.",
            "closed_after_context": "As for closed_initially.",
        ],
        "field_file/012": ["*": "There are no forms; nil clears a field, and no assignment leaves it."],
        "field_file/014": [
            "*":
                "There are no signals: the bytes are kept before the row is written, and are the file's with its commit."
        ],
    ]

    // What a recording of this group did is a script in Python's words, which only a person can put into Swift: other
    // files' recordings are left to whoever does that for them.
    @Test(arguments: Vector.all("field_file").filter { scripts[$0.id] != nil })
    func agrees(_ vector: Vector) async throws {
        let exceptions = Self.instead[vector.id] ?? [:]
        let script = try #require(scripts[vector.id])
        try await withBench { bench in
            try createDoc(bench)
            var doc = Doc()
            let output: JSON
            do {
                output = try await script(&doc, bench)
            } catch let error as StorageError where error.code == .invalidName {
                #expect(vector.error == "SuspiciousFileOperation")
                #expect(try bench.media == [:])
                return
            }
            #expect(vector.error == nil)
            if case .object(let members) = vector.output {
                for (key, value) in members where exceptions[key] == nil {
                    #expect((output[key] ?? .null) == value, "\(key)")
                }
            } else {
                #expect(output == vector.output)
            }
        }
    }

    private func createDoc(_ bench: Bench) throws {
        try bench.pool.write { db in
            try db.create(table: "doc") { t in
                t.autoIncrementedPrimaryKey("id")
                t.queuedFile("f")
                t.queuedFile("short", maxLength: 20)
            }
            try db.createQueuedFileTriggers(for: Doc.self)
        }
    }
}

private typealias Script = @Sendable (inout Doc, Bench) async throws -> JSON

private let scripts: [String: Script] = [
    "field_file/001": { doc, bench in
        func message(_ body: () async throws -> Void) async -> JSON {
            do { try await body() } catch let error as ModelError where error.code == .noFile {
                return ["error": "ValueError", "message": .string("\(error)")]
            } catch { return .string("\(error)") }
            return nil
        }
        let file = doc.f
        let errors: [String: JSON] = [
            "url": await message { _ = try await file.url }, "path": await message { _ = try file.path },
            "size": await message { _ = try await file.size }, "open": await message { _ = try await file.open() },
        ]
        try await doc.f.delete()
        return .object(
            errors.merging([
                "bool": .bool(!doc.f.isEmpty), "name": .name(doc.f), "str": .string("\(doc.f)"),
                "equals_none": .bool(doc.f == QueuedFieldFile()),
            ]) { $1 }
        )
    },
    "field_file/002": { doc, bench in
        doc.f = .text("hello", "a b.txt")
        let before: JSON = [
            "name": .name(doc.f), "committed": .bool(doc.f.isSaved), "size": try await .size(doc.f),
        ]
        try await doc.save(in: bench.catalog)
        return [
            "before": before,
            "after": [
                "name": .name(doc.f), "committed": .bool(doc.f.isSaved), "size": try await .size(doc.f),
                "url": .string(try await doc.f.url), "database": try await bench.column(),
            ],
        ]
    },
    "field_file/006": { doc, bench in
        try await doc.save(in: bench.catalog)
        try await doc.f.save("n.txt", .text("x"))
        let before = try await bench.column()
        try await doc.save(in: bench.catalog)
        return [
            "name": .name(doc.f), "database_before": before, "database_after": try await bench.column(),
        ]
    },
    "field_file/007": { doc, bench in
        try await doc.save(.text("x"), named: "n.txt", as: \.f, in: bench.catalog)
        let wasSaved = doc.id != nil
        try await doc.f.delete()
        return [
            "instance_was_saved_by_field_save": .bool(wasSaved), "name": .name(doc.f), "bool": .bool(!doc.f.isEmpty),
            "database": try await bench.column(),
        ]
    },
    "field_file/008": { doc, bench in
        try await doc.save(.text("A"), named: "n.txt", as: \.f, in: bench.catalog)
        doc.f = .text("B", "n.txt")
        try await doc.save(in: bench.catalog)
        try await doc.delete(in: bench.catalog)
        #expect(try bench.media == ["up/n.txt": "A", "up/n_AAAAAAA.txt": "B"])
        return ["name": .name(doc.f)]
    },
    "field_file/009": { _, bench in
        var names: [String] = []
        for filename in ["abcdefghijkl.txt", "abcdefghijkl.txt", "abcdefghijklmnopqrst.txt"] {
            var doc = Doc(short: .text("x", filename))
            try await doc.save(in: bench.catalog)
            names.append(doc.short.name ?? "")
        }
        return .array(
            names.map { .string($0) } + [.array(names.map { .number(Double($0.unicodeScalars.count)) })]
        )
    },
    "field_file/010": { doc, bench in
        try await doc.save(.text("hello"), named: "n.txt", as: \.f, in: bench.catalog)
        let start = try await doc.f.open(range: 0..<2).collect()
        return [
            "read2": .string(String(decoding: start, as: UTF8.self)),
            "reopen_rewinds_read": .string(try await doc.f.text()), "context_read": .string(try await doc.f.text()),
        ]
    },
    "field_file/011": { doc, bench in
        try await doc.save(.text("x"), named: "../evil.txt", as: \.f, in: bench.catalog)
        return nil
    },
    "field_file/013": { doc, bench in
        doc.f = try QueuedFieldFile(uploaded: .text("data"), clientName: "../../x y.txt")
        try await doc.save(in: bench.catalog)
        return .name(doc.f)
    },
]

extension JSON {
    fileprivate static func name(_ file: QueuedFieldFile<Doc.F>) -> JSON { file.name.map { .string($0) } ?? .null }

    fileprivate static func size(_ file: QueuedFieldFile<Doc.F>) async throws -> JSON {
        .number(Double(try await file.size))
    }
}

extension Bench {
    /// What the column holds; Django has an empty text where we have NULL.
    fileprivate func column() async throws -> JSON {
        let name = try await pool.read { try String.fetchOne($0, sql: "SELECT f FROM doc") }
        return .string(name ?? "")
    }
}
