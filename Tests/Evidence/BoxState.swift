import Foundation
import GRDB
import Glibc

/// What lies in a box: the catalog's rows and the files of all directories.
struct BoxState {
    struct Row {
        var id: Int64
        var name: String
        var state: String
        var place: String?
        var hasLocal: Bool
        var remoteName: String?
        var size: Int
        var ownerModel: String?
        var ownerRow: String?
    }

    /// A row of the application's table.
    struct Photo {
        var image: String?
        var thumbnail: String?
    }

    private(set) var rows: [Row] = []
    private(set) var jobs: [String] = []
    private(set) var remoteNames: Set<String> = []
    private(set) var photos: [Photo] = []
    /// The file names of the rows that drop folders leave beside the catalog.
    private(set) var ingested: [String] = []
    /// What every file below the box holds, by its path.
    private(set) var files: [String: String] = [:]

    /// Reads the files alone.
    init(files box: Box) throws { walk(Array(box.path.utf8), "") }

    /// Reads a box without touching it: the database is copied first, as reading it in its place would recover it.
    init(of box: Box) throws {
        walk(Array(box.path.utf8), "")
        let copy = "\(box.lane)/copy"
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for suffix in ["", "-wal", "-journal"]
        where FileManager.default.fileExists(atPath: "\(box.path)/q.sqlite\(suffix)") {
            try FileManager.default.copyItem(
                atPath: "\(box.path)/q.sqlite\(suffix)",
                toPath: "\(copy)/q.sqlite\(suffix)"
            )
        }
        guard FileManager.default.fileExists(atPath: "\(copy)/q.sqlite") else { return }
        try DatabaseQueue(path: "\(copy)/q.sqlite").read { db in
            guard try db.tableExists("qstore_file") else { return }
            rows = try GRDB.Row.fetchAll(db, sql: "SELECT * FROM qstore_file ORDER BY id").map {
                Row(
                    id: $0["id"],
                    name: $0["name"],
                    state: $0["state"],
                    place: $0["place"],
                    hasLocal: $0["hasLocal"],
                    remoteName: $0["remoteName"],
                    size: $0["size"],
                    ownerModel: $0["ownerModel"],
                    ownerRow: $0["ownerRow"]
                )
            }
            jobs = try String.fetchAll(
                db,
                sql:
                    "SELECT format('%s of file %d, %s, %s', kind, file, state, coalesce(error, 'no error')) FROM qstore_job"
            )
            remoteNames = try Set(String.fetchAll(db, sql: "SELECT name FROM qstore_remoteName"))
            if try db.tableExists("photo") {
                photos = try GRDB.Row.fetchAll(db, sql: "SELECT * FROM photo").map {
                    Photo(image: $0["image"], thumbnail: $0["thumbnail"])
                }
            }
            if try db.tableExists("ingestedFile") {
                ingested = try String.fetchAll(db, sql: "SELECT file FROM ingestedFile")
            }
        }
    }

    /// Reads all below a directory, whatever bytes the names are.
    private mutating func walk(_ directory: [UInt8], _ prefix: String) {
        guard let stream = opendir((directory + [0]).map { CChar(bitPattern: $0) }) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let text = String(decoding: name, as: UTF8.self)
            guard text != ".", text != "..", prefix != "" || !text.hasPrefix("q.sqlite") else { continue }
            let path = directory + [UInt8(ascii: "/")] + name
            if Int(entry.pointee.d_type) == Int(DT_DIR) {
                walk(path, prefix + text + "/")
            } else {
                files[prefix + text] = Self.bytes(of: path)
            }
        }
    }

    private static func bytes(of path: [UInt8]) -> String {
        let descriptor = open((path + [0]).map { CChar(bitPattern: $0) }, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return "" }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    }

    /// What lies at the place of a row, if anything does.
    func staged(_ row: Row) -> String? {
        guard let parts = row.place?.split(separator: "/") else { return nil }
        return parts[0] == "staging"
            ? files["local/.qstore/staging/\(parts[1])/\(parts[2])"]
            : files["inbox/.qstore/taken/\(parts[2])/\(parts[3])"]
    }

    /// What a reader of a row's file gets: nil if it finds nothing.
    func bytes(_ row: Row) -> String? {
        if row.hasLocal, let bytes = staged(row) ?? files["local/\(row.name)"] { return bytes }
        return row.remoteName.flatMap { files["remote/\($0)"] }
    }

    /// The files directly or deeper below a directory, by their paths in it.
    func files(below directory: String, isPrivate: Bool = false) -> [String: String] {
        var found: [String: String] = [:]
        for (path, bytes) in files where path.hasPrefix(directory + "/") {
            let rest = String(path.dropFirst(directory.count + 1))
            if rest.split(separator: "/").contains(".qstore") == isPrivate { found[rest] = bytes }
        }
        return found
    }
}
