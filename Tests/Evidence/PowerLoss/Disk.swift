import Foundation
import Glibc

/// What a disk was told, call by call, and which of it had to be on it when.
///
/// Of a file, every write, and every change of its size and attributes, is an act of its own; of directories, every entry
/// that comes or goes is. A rename is one act, as on every file system with a journal. Only syncs order acts: one of a file
/// makes the acts on its inode durable, one of a directory those on its entries, `syncfs` all. Nothing else does: a new
/// file's entry isn't durable because the file is, though on most file systems it would be.
///
/// Source: "All File Systems Are Not Created Equal" (Pillai et al., OSDI 2014), section 3, on what may be persisted in which
/// order.
struct Disk {
    typealias Node = Int

    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(Int)
        case attribute(String, [UInt8]?)
        case mode(UInt32)
    }

    struct Entry: Hashable {
        var directory: Node
        var name: String
    }

    struct Act {
        /// What it does to the contents of a file.
        var change: (node: Node, change: Change)?
        /// What it does to entries: which node each gets; nil for none.
        var entries: [(entry: Entry, node: Node?)] = []
        /// A directory that this act removes, and that must be empty by then.
        var emptied: Node?
        /// Whether it is one of the database's.
        var isDatabase = false
    }

    /// What happened, in order.
    enum Event {
        case act(Int)
        case sync(Sync)
        /// What was said to the user, by which command.
        case said(command: Int, String)
    }

    struct Sync {
        var record: Trace
        /// The acts that it made durable; nobody had before.
        var acts: Set<Int>
    }

    private(set) var acts: [Act] = []
    private(set) var events: [Event] = []
    /// The nodes that are directories, with their modes.
    private(set) var directories: [Node: UInt32] = [:]
    let root: Node = 0
    /// The acts that made what was there at the beginning.
    private(set) var initial = 0

    private var nodes: [UInt64: Node] = [:]
    private var count = 1
    private let path: String

    /// Takes in what lies in a box, all durable but what files in `unsynced` hold.
    init(path: String, unsynced: Set<String>) throws {
        self.path = path
        directories[root] = 0o755
        nodes[UInt64(try Self.status(path).st_ino)] = root
        var late: [Int] = []
        try takeIn(path, root, unsynced, &late)
        initial = acts.count
        let everything = Set(acts.indices).subtracting(late)
        durable = everything
    }

    /// The acts that are durable at the beginning.
    private(set) var durable: Set<Int> = []

    private mutating func takeIn(_ path: String, _ node: Node, _ unsynced: Set<String>, _ late: inout [Int]) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
            let file = "\(path)/\(name)"
            guard !Self.isIgnored(file) else { continue }
            let status = try Self.status(file)
            let child = make(UInt64(status.st_ino))
            acts.append(Act(entries: [(Entry(directory: node, name: name), child)]))
            if status.st_mode & S_IFMT == S_IFDIR {
                directories[child] = status.st_mode & 0o7777
                try takeIn(file, child, unsynced, &late)
            } else {
                acts.append(Act(change: (child, .mode(status.st_mode & 0o7777))))
                let bytes = [UInt8](FileManager.default.contents(atPath: file) ?? Data())
                if unsynced.contains(String(file.dropFirst(self.path.count + 1))) { late.append(acts.count) }
                acts.append(Act(change: (child, .write(offset: 0, bytes: bytes))))
            }
        }
    }

    private static func status(_ path: String) throws -> stat {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw EvidenceError("\(path) can't be looked at") }
        return status
    }

    /// Shared memory of running processes; none of them runs after a power loss.
    private static func isIgnored(_ path: String) -> Bool { path.hasSuffix("q.sqlite-shm") }

    private mutating func make(_ inode: UInt64) -> Node {
        defer { count += 1 }
        nodes[inode] = count
        return count
    }

    private func node(_ inode: UInt64) throws -> Node {
        guard let node = nodes[inode] else { throw EvidenceError("the trace has an inode that nobody made: \(inode)") }
        return node
    }

    // MARK: The trace

    /// Takes in what a command did.
    mutating func run(_ trace: [Trace], command: Int) throws {
        for record in trace where record.error == 0 && !Self.isIgnored(record.path) {
            try run(record, command)
        }
    }

    private mutating func run(_ record: Trace, _ command: Int) throws {
        switch record.call {
        case "say": events.append(.said(command: command, String(decoding: record.bytes, as: UTF8.self)))
        case "create", "symlink":
            let made = make(record.inode)
            try act(Act(entries: [(entry(record.parent, record.path), made)]), record)
        case "tmpfile": _ = make(record.inode)
        case "mkdir":
            let made = make(record.inode)
            directories[made] = UInt32(record.length)
            try act(Act(entries: [(entry(record.parent, record.path), made)]), record)
        case "write": try change(record, .write(offset: Int(record.offset), bytes: record.bytes))
        case "truncate": try change(record, .truncate(Int(record.length)))
        case "extend":
            // Space that was given, and holds zeros.
            try change(record, .write(offset: Int(record.offset + record.length), bytes: []))
        case "setxattr": try change(record, .attribute(record.second, record.bytes))
        case "removexattr": try change(record, .attribute(record.second, nil))
        case "chmod":
            let node = try node(record.inode)
            if directories[node] != nil {
                directories[node] = UInt32(record.length)
            } else {
                try change(record, .mode(UInt32(record.length)))
            }
        case "rename":
            try act(
                Act(entries: [
                    (entry(record.parent, record.path), nil),
                    (entry(record.secondParent, record.second), node(record.inode)),
                ]),
                record
            )
        case "link": try act(Act(entries: [(entry(record.secondParent, record.second), node(record.inode))]), record)
        case "unlink": try act(Act(entries: [(entry(record.parent, record.path), nil)]), record)
        case "rmdir":
            try act(Act(entries: [(entry(record.parent, record.path), nil)], emptied: node(record.inode)), record)
        case "fsync", "fdatasync", "syncfs": try sync(record)
        case "chown", "allocate", "sync_file_range": break
        default: throw EvidenceError("the trace has a call that isn't known: \(record.call)")
        }
    }

    private func entry(_ parent: UInt64, _ path: String) throws -> Entry {
        try Entry(directory: node(parent), name: (path as NSString).lastPathComponent)
    }

    private mutating func change(_ record: Trace, _ change: Change) throws {
        try act(Act(change: (node(record.inode), change)), record)
    }

    private mutating func act(_ act: Act, _ record: Trace) throws {
        var act = act
        act.isDatabase = record.path.contains("/q.sqlite")
        events.append(.act(acts.count))
        acts.append(act)
    }

    private mutating func sync(_ record: Trace) throws {
        let node = try node(record.inode)
        let all = Set(
            acts.indices.filter { index in
                let act = acts[index]
                return record.call == "syncfs" || act.change?.node == node
                    || act.entries.contains { $0.entry.directory == node }
            }
        )
        events.append(.sync(Sync(record: record, acts: all)))
    }

    // MARK: What is left

    /// The acts that must be kept if some are, besides these: an entry's earlier ones, and what emptied a directory.
    func closed(_ kept: Set<Int>, among pending: [Int]) -> Set<Int> {
        var kept = kept
        for index in pending.reversed() where kept.contains(index) {
            let touched = Set(acts[index].entries.map(\.entry))
            for earlier in pending where earlier < index && !kept.contains(earlier) {
                let entries = acts[earlier].entries.map(\.entry)
                let empties = acts[index].emptied.map { node in entries.contains { $0.directory == node } } ?? false
                if empties || entries.contains(where: touched.contains) { kept.insert(earlier) }
            }
        }
        return kept
    }

    /// What lies on the disk if only these acts came there; `torn` is a write of which only the first half did.
    func image(of kept: Set<Int>, torn: Int? = nil) -> Image {
        var contents: [Node: Image.File] = [:]
        var tree: [Node: [String: Node]] = [:]
        for index in acts.indices where kept.contains(index) {
            if let (node, change) = acts[index].change {
                contents[node, default: Image.File()].apply(change, isTorn: index == torn)
            }
            for (entry, node) in acts[index].entries { tree[entry.directory, default: [:]][entry.name] = node }
        }
        var image = Image()
        collect(root, "", tree, contents, &image)
        return image
    }

    private func collect(
        _ directory: Node,
        _ path: String,
        _ tree: [Node: [String: Node]],
        _ contents: [Node: Image.File],
        _ image: inout Image
    ) {
        for (name, node) in tree[directory] ?? [:] {
            if let mode = directories[node] {
                image.directories[path + name] = mode
                collect(node, path + name + "/", tree, contents, &image)
            } else {
                image.files[path + name] = contents[node] ?? Image.File()
            }
        }
    }
}
