import FoundationEssentials
import QueuedStorageCore

/// A revision of a file, as its document in the collection of files has it.
struct Revision: Sendable {
    /// The document's `_id`; of files that others wrote, of any type.
    var id: BSON
    var length: Int64
    var chunkSize: Int64
    var uploadedAt: Int64
    var metadata: BSONDocument

    /// How many chunks it has.
    var chunkCount: Int64 { length / chunkSize + (length % chunkSize > 0 ? 1 : 0) }
    /// Whether it is the one that has its name for itself (``Bucket/ownName``).
    var ownsName: Bool { metadata[Bucket.ownName] != nil }

    /// Reads a file's document; nil if it isn't GridFS's.
    init?(_ document: BSONDocument) {
        guard let id = document["_id"], let length = document["length"]?.integer,
            let chunkSize = document["chunkSize"]?.integer, length >= 0, chunkSize > 0
        else { return nil }
        self.id = id
        self.length = length
        self.chunkSize = chunkSize
        uploadedAt = document["uploadDate"]?.date ?? 0
        metadata = document["metadata"]?.document ?? [:]
    }

    /// The bytes of the file that a chunk has.
    func bounds(of number: Int64) -> Range<Int64> {
        let start = number * chunkSize
        return start..<start + min(chunkSize, length - start)
    }
}

/// A piece of a file, as the collection of chunks has it.
struct Chunk: Sendable {
    var number: Int64
    var bytes: [UInt8]
}

/// The operations on the two collections of a GridFS bucket.
///
/// Source: MongoDB specifications, "GridFS Spec", version 1.3.
struct Bucket: Sendable {
    /// The field of `metadata` whose values are unique: the name, in the one revision that our storages made of it.
    static let ownName = "qstoreName"

    let prefix: String

    var files: String { prefix + ".files" }
    var chunks: String { prefix + ".chunks" }

    // MARK: Finding

    /// All revisions of a file, the newest one first.
    func revisions(_ name: String, limit: Int32 = 0, _ session: MongoSession) throws -> [Revision] {
        try session.find(
            ["filename": .string(name)],
            in: files,
            ["sort": .document(["uploadDate": .int32(-1), "_id": .int32(-1)]), "limit": .int64(Int64(limit))]
        ).map { document in
            guard let revision = Revision(document) else {
                throw MongoFailure(.damaged, "its document has no length or chunkSize; it isn't GridFS's")
            }
            return revision
        }
    }

    func newest(_ name: String, _ session: MongoSession) throws -> Revision? {
        try revisions(name, limit: 1, session).first
    }

    func isPublished(_ id: BSON, _ session: MongoSession) throws -> Bool {
        try !session.find(["_id": id], in: files, ["projection": .document(["_id": .int32(1)])]).isEmpty
    }

    /// Some chunks of a revision, in order.
    func chunks(of id: BSON, _ numbers: Range<Int64>, _ session: MongoSession) throws -> [Chunk] {
        try session.find(
            [
                "files_id": id,
                "n": .document(["$gte": Self.number(numbers.lowerBound), "$lt": Self.number(numbers.upperBound)]),
            ],
            in: chunks,
            ["sort": .document(["n": .int32(1)])]
        ).map { Chunk(number: $0["n"]?.integer ?? -1, bytes: $0["data"]?.binary ?? []) }
    }

    /// How many chunks there are, and the greatest number.
    func extent(of id: BSON, _ session: MongoSession) throws -> (count: Int64, last: Int64) {
        let found = try session.aggregate(
            [
                ["$match": .document(["files_id": id])],
                [
                    "$group": .document([
                        "_id": .null, "count": .document(["$sum": .int32(1)]),
                        "last": .document(["$max": .string("$n")]),
                    ])
                ],
            ],
            in: chunks
        ).first
        // Numbers of chunks have 32 bits.
        let chunks = { (number: Int64?) in number.map { min(max(-1, $0), Int64(UInt32.max)) } }
        return (max(0, chunks(found?["count"]?.integer) ?? 0), chunks(found?["last"]?.integer) ?? -1)
    }

    /// How many chunks there are from the first one on without a gap.
    func contiguousCount(of id: BSON, _ session: MongoSession) throws -> Int64 {
        let (count, last) = try extent(of: id, session)
        if last == count - 1 { return count }
        let numbers = try session.find(
            ["files_id": id],
            in: chunks,
            ["sort": .document(["n": .int32(1)]), "projection": .document(["_id": .int32(0), "n": .int32(1)])]
        ).map { $0["n"]?.integer ?? -1 }
        return Int64(zip(numbers, 0...).prefix { $0 == $1 }.count)
    }

    // MARK: Listing

    /// The names from one on and before another one, a page of them; each revision counts.
    func names(from first: String, before end: String?, limit: Int64, _ session: MongoSession) throws -> [String] {
        var bounds: BSONDocument = ["$gte": .string(first)]
        bounds["$lt"] = end.map { .string($0) }
        return try session.find(
            ["filename": .document(bounds)],
            in: files,
            [
                "sort": .document(["filename": .int32(1)]), "limit": .int64(limit),
                "projection": .document(["_id": .int32(0), "filename": .int32(1)]),
            ]
        ).compactMap { $0["filename"]?.string }
    }

    // MARK: Storing

    /// Makes the indexes of the specification, and the one that gives each name to one file; those that are there stay.
    func makeIndexes(_ session: MongoSession) throws {
        try makeIndex("files_id_1_n_1", ["files_id": .int32(1), "n": .int32(1)], isUnique: true, on: chunks, session)
        let name = "metadata.\(Self.ownName)"
        try makeIndex("\(name)_1", [name: .int32(1)], isUnique: true, isSparse: true, on: files, session)
        do {
            try makeIndex(
                "filename_1_uploadDate_1",
                ["filename": .int32(1), "uploadDate": .int32(1)],
                on: files,
                session
            )
        } catch let failure as MongoFailure where failure.code == .invalidConfiguration {
            // Somebody made it otherwise, which is as good for finding names.
        }
    }

    private func makeIndex(
        _ name: String,
        _ key: BSONDocument,
        isUnique: Bool = false,
        isSparse: Bool = false,
        on collection: String,
        _ session: MongoSession
    ) throws {
        var index: BSONDocument = ["key": .document(key), "name": .string(name)]
        if isUnique { index["unique"] = .bool(true) }
        if isSparse { index["sparse"] = .bool(true) }
        try session.command(["createIndexes": .string(collection), "indexes": .array([.document(index)])])
    }

    func insert(_ pieces: [Chunk], of id: BSON, _ session: MongoSession) throws {
        try session.insert(
            pieces.map { chunk in
                [
                    "_id": .objectID(ObjectID.make()), "files_id": id, "n": Self.number(chunk.number),
                    "data": .binary(chunk.bytes),
                ]
            },
            into: chunks
        )
    }

    /// Puts more bytes in place of a chunk's that was too short; false if it isn't there.
    func extend(_ chunk: Chunk, of id: BSON, _ session: MongoSession) throws -> Bool {
        try session.update(
            ["files_id": id, "n": Self.number(chunk.number)],
            ["$set": .document(["data": .binary(chunk.bytes)])],
            in: chunks
        )
    }

    /// Shows a file whose chunks are all there.
    ///
    /// - Throws: ``MongoFailure`` with `alreadyExists` if another file has the name for itself.
    func publish(_ new: NewFile, ownsName: Bool, _ session: MongoSession) throws {
        var metadata = new.metadata
        if ownsName { metadata[Self.ownName] = .string(new.name) }
        do {
            try session.insert(
                [
                    [
                        "_id": .objectID(new.id), "filename": .string(new.name), "length": .int64(new.length),
                        "chunkSize": .int32(Int32(new.chunkSize)), "uploadDate": .date(new.uploadedAt),
                        "metadata": .document(metadata),
                    ]
                ],
                into: files
            )
        } catch let failure as MongoFailure where failure.code == .alreadyExists {
            // A statement that was sent twice, as its first answer was lost.
            guard try isPublished(.objectID(new.id), session) else { throw failure }
        }
    }

    /// Makes a revision the one that has its name for itself.
    ///
    /// - Returns: False if the revision isn't there any more.
    /// - Throws: ``MongoFailure`` with `alreadyExists` if another one has it.
    func ownName(_ new: NewFile, _ session: MongoSession) throws -> Bool {
        try session.update(
            ["_id": .objectID(new.id)],
            ["$set": .document(["metadata.\(Self.ownName)": .string(new.name)])],
            in: files
        )
    }

    // MARK: Removing

    /// Removes a revision's document, so that nobody finds it; its chunks are left.
    func unpublish(_ id: BSON, _ session: MongoSession) throws { try session.delete(["_id": id], from: files) }

    /// How many chunks are deleted by one statement, so that none takes too long.
    static let deletionCount: Int64 = 256

    /// Removes some chunks, from a number on; true if there may be more.
    func removeChunks(of id: BSON, from number: Int64, _ session: MongoSession) throws -> Bool {
        let end = number + Self.deletionCount
        try session.delete(
            ["files_id": id, "n": .document(["$gte": Self.number(number), "$lt": Self.number(end)])],
            from: chunks
        )
        return try !session.find(
            ["files_id": id, "n": .document(["$gte": Self.number(end)])],
            in: chunks,
            ["limit": .int64(1), "projection": .document(["_id": .int32(1)])]
        ).isEmpty
    }

    /// The chunks without a file's document: how many there are of each `files_id`.
    func orphans(_ session: MongoSession) throws -> [(id: BSON, count: Int64)] {
        // The index has all that is asked for.
        try session.aggregate(
            [
                ["$sort": .document(["files_id": .int32(1), "n": .int32(1)])],
                ["$group": .document(["_id": .string("$files_id"), "count": .document(["$sum": .int32(1)])])],
                [
                    "$lookup": .document([
                        "from": .string(files), "localField": .string("_id"), "foreignField": .string("_id"),
                        "as": .string("file"),
                    ])
                ],
                ["$match": .document(["file": .array([])])],
            ],
            in: chunks,
            ["allowDiskUse": .bool(true)]
        ).compactMap { document in document["_id"].map { ($0, document["count"]?.integer ?? 0) } }
    }

    /// The number of a chunk, which is 32 bits wide.
    private static func number(_ value: Int64) -> BSON { .int32(Int32(clamping: value)) }
}

/// A file that is about to be shown.
struct NewFile: Sendable {
    var id: ObjectID
    var name: String
    var length: Int64
    var chunkSize: Int
    var uploadedAt: Int64 = 0
    var metadata: BSONDocument = [:]
}
