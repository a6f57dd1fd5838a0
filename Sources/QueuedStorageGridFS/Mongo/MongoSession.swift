import CMongo
import QueuedStorageCore

/// A connection that one caller has, for the length of some operations; it blocks.
struct MongoSession {
    let client: OpaquePointer
    let database: String

    /// Inserts documents; they are acknowledged by a majority then.
    func insert(_ documents: [BSONDocument], into collection: String) throws {
        try withCollection(collection) { handle in
            let copies = documents.map { CDocument($0) }
            var pointers = copies.map { Optional($0.pointer) }
            var error = bson_error_t()
            let isDone = withExtendedLifetime(copies) {
                mongoc_collection_insert_many(handle, &pointers, pointers.count, nil, nil, &error)
            }
            guard isDone else { throw MongoFailure(error) }
        }
    }

    /// Finds documents.
    ///
    /// - Parameters:
    ///   - filter: Which ones.
    ///   - collection: Where.
    ///   - options: `sort`, `projection`, `limit` and the like.
    /// - Returns: The documents.
    /// - Throws: ``MongoFailure``.
    func find(_ filter: BSONDocument, in collection: String, _ options: BSONDocument = [:]) throws -> [BSONDocument] {
        try withCollection(collection) { handle in
            let (filter, options) = (CDocument(filter), CDocument(options))
            return try Self.all(mongoc_collection_find_with_opts(handle, filter.pointer, options.pointer, nil))
        }
    }

    /// Runs an aggregation.
    func aggregate(_ stages: [BSONDocument], in collection: String, _ options: BSONDocument = [:]) throws
        -> [BSONDocument]
    {
        try withCollection(collection) { handle in
            let pipeline = CDocument(["pipeline": .array(stages.map { .document($0) })])
            let options = CDocument(options)
            return try Self.all(
                mongoc_collection_aggregate(handle, MONGOC_QUERY_NONE, pipeline.pointer, options.pointer, nil)
            )
        }
    }

    private static func all(_ cursor: OpaquePointer?) throws -> [BSONDocument] {
        defer { mongoc_cursor_destroy(cursor) }
        var documents: [BSONDocument] = []
        var next: OpaquePointer?
        while mongoc_cursor_next(cursor, &next), let document = next {
            documents.append(try read(document))
        }
        var error = bson_error_t()
        if mongoc_cursor_error(cursor, &error) { throw MongoFailure(error) }
        return documents
    }

    /// Changes one document.
    ///
    /// - Returns: Whether there is such a document.
    func update(_ filter: BSONDocument, _ change: BSONDocument, in collection: String) throws -> Bool {
        try withCollection(collection) { handle in
            let (filter, change) = (CDocument(filter), CDocument(change))
            return try withReply { reply, error in
                mongoc_collection_update_one(handle, filter.pointer, change.pointer, nil, reply, error)
            }["matchedCount"]?.integer == 1
        }
    }

    /// Deletes documents.
    ///
    /// - Returns: How many.
    @discardableResult
    func delete(_ filter: BSONDocument, from collection: String) throws -> Int64 {
        try withCollection(collection) { handle in
            let filter = CDocument(filter)
            return try withReply { reply, error in
                mongoc_collection_delete_many(handle, filter.pointer, nil, reply, error)
            }["deletedCount"]?.integer ?? 0
        }
    }

    /// Runs a command that writes.
    func command(_ command: BSONDocument) throws {
        let command = CDocument(command)
        _ = try withReply { reply, error in
            mongoc_client_write_command_with_opts(client, database, command.pointer, nil, reply, error)
        }
    }

    // MARK: Plumbing

    private func withCollection<Value>(_ name: String, _ body: (OpaquePointer) throws -> Value) throws -> Value {
        guard let collection = mongoc_client_get_collection(client, database, name) else {
            throw MongoFailure(.failed, "there is no memory for a collection")
        }
        defer { mongoc_collection_destroy(collection) }
        return try body(collection)
    }

    private func withReply(
        _ body: (OpaquePointer, UnsafeMutablePointer<bson_error_t>) -> Bool
    ) throws -> BSONDocument {
        // The library initialises the reply, whatever happens.
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<bson_t>.size,
            alignment: MemoryLayout<bson_t>.alignment
        )
        defer { memory.deallocate() }
        let reply = OpaquePointer(memory)
        var error = bson_error_t()
        let isDone = body(reply, &error)
        defer { bson_destroy(reply) }
        guard isDone else { throw MongoFailure(error) }
        return try Self.read(reply)
    }

    private static func read(_ document: OpaquePointer) throws -> BSONDocument {
        let start = UnsafeRawPointer(bson_get_data(document))
        // A document begins with its length.
        let count = start?.loadUnaligned(as: Int32.self).littleEndian ?? 0
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(count))
        do {
            return try BSONDocument(bytes)
        } catch {
            throw MongoFailure(.failed, "the server's answer isn't a document")
        }
    }
}

/// A document as the library wants it, for as long as this lives.
private final class CDocument {
    let pointer: OpaquePointer

    init(_ document: BSONDocument) {
        let bytes = document.bytes
        guard let pointer = bson_new_from_data(bytes, bytes.count) else {
            preconditionFailure("A document that was written by the book has a wrong length.")
        }
        self.pointer = pointer
    }

    deinit { bson_destroy(pointer) }
}

extension ObjectID {
    /// Makes an identifier.
    static func make() -> ObjectID {
        var id = bson_oid_t()
        bson_oid_init(&id, bson_context_get_default())
        return withUnsafeBytes(of: id) { bytes in
            guard let id = ObjectID(Array(bytes)) else { preconditionFailure("An ObjectId has twelve bytes.") }
            return id
        }
    }
}
