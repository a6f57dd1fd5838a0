import CLinux
import Foundation
import Glibc
import TestSupport

// Writers that take their time, and say by what the drop folder promises to look at when they are done.
extension Writing {
    /// Writes, pauses, truncates, writes again, reopens; the file is open all the time.
    func pause() throws {
        var generator = SeededGenerator(seed: batch.seed)
        let drops = try batch.files.map { file in
            let name = directory(&generator) + Self.name(file)
            return try OpenDrop(file, contents.bytes(of: file), in: inbox, as: name)
        }
        rest(&generator)
        for drop in drops {
            if Bool.random(using: &generator) { try drop.scribble() } else { try drop.write(upTo: 0.7) }
        }
        rest(&generator)
        for drop in drops {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: try insist { try drop.reopen(truncates: true) }
            default: try drop.truncate()
            }
            try drop.write(upTo: 0.3)
        }
        rest(&generator)
        for drop in drops.shuffled(using: &generator) {
            if Bool.random(using: &generator) { try insist { try drop.reopen(truncates: false) } }
            try drop.write()
            drop.close()
            ledger.note(drop.file, batch.writer, .exactly(drop.name))
        }
    }

    /// Writes under a name that is left alone, closes, opens again, and renames when all is there.
    func writeParts() throws {
        var generator = SeededGenerator(seed: batch.seed)
        var files: [(file: Int, part: String, name: String)] = []
        for file in batch.files {
            let (place, name) = (directory(&generator), Self.name(file))
            let names = [
                ".\(name)", "\(name).part", "\(name).tmp", "\(name).partial", "\(name)~", ".hidden-\(file)/\(name)",
            ]
            let part = place + (names.randomElement(using: &generator) ?? "")
            if part.contains("/.hidden-") || part.hasPrefix(".hidden-") {
                guard mkdir("\(inbox)/\(place).hidden-\(file)", 0o755) == 0 else { throw FileFailure("make", part) }
            }
            let bytes = contents.bytes(of: file)
            try write(Array(bytes.prefix(bytes.count / 3)), to: "\(inbox)/\(part)")
            files.append((file, part, place + name))
        }
        rest(&generator)
        for (file, part, _) in files {
            let bytes = contents.bytes(of: file)
            let path = "\(inbox)/\(part)"
            if Bool.random(using: &generator) {
                try write(Array(bytes.dropFirst(bytes.count / 3)), to: path, flags: O_APPEND)
            } else {
                try write(bytes, to: path, flags: O_TRUNC)
            }
        }
        rest(&generator)
        for (file, part, name) in files {
            guard try move("\(inbox)/\(part)", to: "\(inbox)/\(name)") else {
                throw EvidenceError("\(part) is gone, which says that it is in the making")
            }
            ledger.note(file, batch.writer, .exactly(name))
        }
    }

    /// Links files into the folder: such as lie elsewhere as well, and such as have no name yet.
    func link() throws {
        var generator = SeededGenerator(seed: batch.seed)
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        for file in batch.files {
            let place = directory(&generator)
            let name = place + Self.name(file)
            let bytes = contents.bytes(of: file)
            if Bool.random(using: &generator) {
                try write(bytes, to: "\(source)/\(file)")
                guard Glibc.link("\(source)/\(file)", "\(inbox)/\(name)") == 0 else { throw FileFailure("link", name) }
            } else {
                let nameless = open("\(inbox)/\(place)", O_WRONLY | O_CLOEXEC | clinux_O_TMPFILE, 0o644)
                guard nameless >= 0 else { throw FileFailure("make", name) }
                defer { close(nameless) }
                guard write(nameless, bytes, bytes.count) == bytes.count,
                    clinux_link_descriptor(nameless, AT_FDCWD, "\(inbox)/\(name)") == 0
                else { throw FileFailure("link", name) }
            }
            ledger.note(file, batch.writer, .exactly(name))
            if Int.random(in: 0..<10, using: &generator) == 0 { rest(&generator) }
        }
        try FileManager.default.removeItem(atPath: source)
    }

    /// Drops files under a few names that others had before, each as soon as it is free.
    func useAgain() throws {
        var generator = SeededGenerator(seed: batch.seed)
        for file in batch.files {
            let draft = "again/.\(file)"
            try write(contents.bytes(of: file), to: "\(inbox)/\(draft)")
            var names = (0..<5).map { "again/latest-\($0).bin" }.shuffled(using: &generator)
            // If all are taken, it gets one of its own.
            names.append("again/\(Self.name(file))")
            for name in names {
                do {
                    guard try move("\(inbox)/\(draft)", to: "\(inbox)/\(name)") else {
                        throw EvidenceError("\(draft) is gone, which is hidden")
                    }
                    ledger.note(file, batch.writer, .like(name))
                    break
                } catch let failure as FileFailure where failure.errno == EEXIST { continue }
            }
        }
    }
}
