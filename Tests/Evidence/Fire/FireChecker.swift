import Foundation
import GRDB
import QueuedStorageCore
import TestSupport

/// Says of each dropped file whether it is there, once and whole, and of everything else what it does there.
struct FireChecker {
    let ground: Ground
    let contents: Contents
    let entries: [Int: DropLedger.Entry]

    struct Result: Sendable {
        var lost: [Int] = []
        var twice: [Int] = []
        var half: [Int] = []
        /// The names under which each file was found, or something that claims to be it.
        var names: [Int: [String]] = [:]
        /// Whatever else isn't as it must be.
        var wrong: [String] = []

        var isFine: Bool { lost.isEmpty && twice.isEmpty && half.isEmpty && wrong.isEmpty }
    }

    /// A line of `qstore files --json`, as far as it matters.
    private struct Listed: Decodable {
        var name: String
        var remoteName: String?
        var state: String
        var size: Int
    }

    private struct StatusText: Decodable {
        struct Storage: Decodable { var counts: [String: Int] }
        var storages: [Storage]
        var quarantined: Int
    }

    func check() async throws -> Result {
        let listing = try await ground.succeed(["files", "--json", "--database", ground.database]).text
        let status = try await ground.succeed(["status", "--json", "--database", ground.database]).text
        return try await blocking { [self] in
            var result = Result()
            let listed = try listing.split(separator: "\n").map {
                try JSONDecoder().decode(Listed.self, from: Data($0.utf8))
            }
            try check(listed, &result)
            try check(JSONDecoder().decode(StatusText.self, from: Data(status.utf8)), &result)
            try checkLeftovers(&result)
            return result
        }
    }

    // MARK: Files

    private func check(_ listed: [Listed], _ result: inout Result) throws {
        let remotes = Set(try Self.files(below: ground.remote))
        var counts: [Int: Int] = [:]
        for row in listed {
            guard row.state == "remote", let remoteName = row.remoteName else {
                result.wrong.append("\(row.name) is \(row.state) in the end")
                continue
            }
            guard let bytes = FileManager.default.contents(atPath: "\(ground.remote)/\(remoteName)") else {
                result.wrong.append("the remote doesn't hold \(remoteName), which the catalog says is there")
                continue
            }
            let local = FileManager.default.contents(atPath: "\(ground.local)/\(row.name)")
            if local != bytes { result.wrong.append("the local copy of \(row.name) isn't what the remote has") }
            guard let file = contents.file(of: bytes) ?? Self.file(of: row.name), let entry = entries[file] else {
                result.wrong.append("nobody dropped \(row.name)")
                continue
            }
            counts[file, default: 0] += 1
            result.names[file, default: []].append(row.name)
            if bytes != Data(contents.bytes(of: file)) || row.size != bytes.count { result.half.append(file) }
            if !Self.fits(row.name, file, entry.naming) {
                result.wrong.append("file \(file) is called \(row.name), and was dropped as \(entry.naming)")
            }
        }
        let known = Set(listed.compactMap(\.remoteName))
        for name in remotes.subtracting(known).sorted() {
            result.wrong.append("remote/\(name) belongs to nobody")
            let bytes = FileManager.default.contents(atPath: "\(ground.remote)/\(name)")
            if let file = bytes.flatMap(contents.file(of:)) { counts[file, default: 0] += 1 }
        }
        for file in entries.keys.sorted() {
            switch counts[file] ?? 0 {
            case 0: result.lost.append(file)
            case 1: continue
            default: result.twice.append(file)
            }
        }
        let locals = Set(try Self.files(below: ground.local))
        for name in locals.subtracting(listed.map(\.name)).sorted() {
            result.wrong.append("local/\(name) belongs to nobody")
        }
    }

    private static func fits(_ name: String, _ file: Int, _ naming: DropLedger.Naming) -> Bool {
        switch naming {
        case .exactly(let dropped): name == dropped
        case .like(let dropped): name == dropped || name.hasPrefix(dropped.replacing(".bin", with: "_"))
        // Those that exchange their names have the other one's number in theirs.
        case .any: true
        }
    }

    /// Which file a name is about.
    static func file(of name: String) -> Int? {
        name.split(separator: "/").last?.firstMatch(of: /(?:f|stall-|canary-)(\d+)/).flatMap { Int($0.1) }
    }

    /// The names of all files below a directory, but those of its private part.
    static func files(below directory: String) throws -> [String] {
        try everything(below: directory).filter { !$0.split(separator: "/").contains(".qstore") }
    }

    private static func everything(below directory: String) throws -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: directory) else {
            throw EvidenceError("\(directory) can't be read")
        }
        var names: [String] = []
        while let name = walk.nextObject() as? String {
            if walk.fileAttributes?[.type] as? FileAttributeType != .typeDirectory { names.append(name) }
        }
        return names
    }

    // MARK: Everything else

    private func check(_ status: StatusText, _ result: inout Result) {
        for storage in status.storages {
            for (state, count) in storage.counts where count != (state == "remote" ? entries.count : 0) {
                result.wrong.append("qstore status says that \(count) files are \(state)")
            }
        }
        if status.quarantined != 0 { result.wrong.append("\(status.quarantined) files are in quarantine") }
    }

    private func checkLeftovers(_ result: inout Result) throws {
        for inbox in ground.inboxes {
            for name in try Self.everything(below: inbox) {
                let parts = name.split(separator: "/")
                guard parts.first == ".qstore" else {
                    result.wrong.append("\(name) is left in the drop folder")
                    continue
                }
                if ["taken", "quarantine"].contains(parts[1]) { result.wrong.append("\(name) is left") }
            }
        }
        for name in try Self.everything(below: "\(ground.local)/.qstore") {
            let part = name.split(separator: "/").first ?? ""
            if ["staging", "trash", "tmp"].contains(part) { result.wrong.append("local/.qstore/\(name) is left") }
        }
        let jobs = try DatabaseQueue(path: ground.database).read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM qstore_job") ?? 0
        }
        if jobs > 0 { result.wrong.append("\(jobs) jobs are left") }
        let rows = try DatabaseQueue(path: ground.database).read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM qstore_file WHERE state = 'remote' AND place IS NULL") ?? 0
        }
        if rows != entries.count { result.wrong.append("the catalog has \(rows) files that are where they belong") }
    }
}
