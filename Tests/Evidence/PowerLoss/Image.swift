import CLinux
import Foundation
import Glibc

/// What lies on a disk after a power loss.
struct Image: Hashable {
    struct File: Hashable {
        var bytes: [UInt8] = []
        var attributes: [String: [UInt8]] = [:]
        var mode: UInt32 = 0o600

        mutating func apply(_ change: Disk.Change, isTorn: Bool) {
            switch change {
            case .write(let offset, var bytes):
                if isTorn { bytes.removeLast(bytes.count - bytes.count / 2) }
                let end = offset + bytes.count
                if self.bytes.count < end { self.bytes += [UInt8](repeating: 0, count: end - self.bytes.count) }
                self.bytes.replaceSubrange(offset..<end, with: bytes)
            case .truncate(let length):
                if bytes.count > length { bytes.removeLast(bytes.count - length) }
                bytes += [UInt8](repeating: 0, count: length - bytes.count)
            case .attribute(let name, let value): attributes[name] = value
            case .mode(let mode): self.mode = mode
            }
        }
    }

    var files: [String: File] = [:]
    var directories: [String: UInt32] = [:]

    /// Makes it be what lies below a directory.
    func write(to path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        guard mkdir(path, 0o755) == 0 else { throw EvidenceError("\(path) can't be made") }
        for name in directories.keys.sorted() {
            guard mkdir("\(path)/\(name)", 0o700) == 0 else { throw EvidenceError("\(path)/\(name) can't be made") }
        }
        for (name, file) in files {
            let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw EvidenceError("\(path)/\(name) can't be made") }
            defer { close(descriptor) }
            guard Glibc.write(descriptor, file.bytes, file.bytes.count) == file.bytes.count else {
                throw EvidenceError("\(path)/\(name) can't be written")
            }
            for (attribute, value) in file.attributes {
                _ = clinux_fsetxattr(descriptor, attribute, value, value.count, 0)
            }
            fchmod(descriptor, file.mode)
        }
        for (name, mode) in directories { chmod("\(path)/\(name)", mode) }
    }
}
