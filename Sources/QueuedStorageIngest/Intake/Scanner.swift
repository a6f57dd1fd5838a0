import Glibc
import QueuedStorageCore

/// Looks through directories, entry by entry, however many there are: in memory are the directories still to come and
/// one open directory.
struct Scanner {
    /// What came next.
    enum Step {
        /// A directory is about to be read; it must be watched before ``enter(_:)``.
        case directory(DropPath)
        case file(DropPath)
        case failed(DropPath, SystemError)
        case end
    }

    private var waiting: [DropPath] = []
    private var current: (path: DropPath, entries: Entries, directory: Directory)?

    var isIdle: Bool { waiting.isEmpty && current == nil }

    mutating func add(_ directory: DropPath) {
        // A directory that comes again while it waits is looked at once.
        if waiting.last != directory { waiting.append(directory) }
    }

    /// Begins to read a directory.
    mutating func enter(_ path: DropPath, below root: Directory) throws {
        let directory = try root.directory(path, crossesMounts: false)
        current = (path, try Entries(directory), directory)
    }

    mutating func next() -> Step {
        while let (path, entries, directory) = current {
            do {
                guard let entry = try entries.next() else {
                    current = nil
                    break
                }
                let entryPath = path.appending(entry.name)
                switch try kind(entry, in: directory) {
                case DT_REG: return .file(entryPath)
                case DT_DIR: waiting.append(entryPath)
                default: continue
                }
            } catch {
                current = nil
                return .failed(path, error as? SystemError ?? SystemError(EIO, "readdir"))
            }
        }
        guard let directory = waiting.popLast() else { return .end }
        return .directory(directory)
    }

    private func kind(_ entry: Entries.Entry, in directory: Directory) throws -> Int {
        guard entry.type == Int32(DT_UNKNOWN) else { return Int(entry.type) }
        guard let status = try directory.status(entry.name) else { return Int(DT_UNKNOWN) }
        return status.isRegularFile ? Int(DT_REG) : status.isDirectory ? Int(DT_DIR) : Int(DT_UNKNOWN)
    }
}
