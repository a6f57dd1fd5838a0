import Foundation
import Glibc
import TestSupport

// Writers that rename inside the drop folder.
extension Writing {
    /// Files that are done get other names, until they are taken from under one.
    func rename() throws {
        var generator = SeededGenerator(seed: batch.seed)
        var names: [Int: String] = [:]
        for file in batch.files {
            let name = directory(&generator) + Self.name(file)
            try write(contents.bytes(of: file), to: "\(inbox)/\(name)")
            ledger.note(file, batch.writer, .any)
            names[file] = name
        }
        for round in 1...Int.random(in: 5...30, using: &generator) {
            for file in batch.files {
                let other = directory(&generator) + Self.name(file, "-r\(round)")
                guard let name = names[file] else { continue }
                names[file] = try move("\(inbox)/\(name)", to: "\(inbox)/\(other)") ? other : nil
            }
            if round % 8 == 0 { rest(&generator) }
        }
    }

    /// Files that are being written get other names; the last one counts.
    func renameOpen() throws {
        var generator = SeededGenerator(seed: batch.seed)
        let drops = try batch.files.map { file in
            let drop = try OpenDrop(
                file,
                contents.bytes(of: file),
                in: inbox,
                as: directory(&generator) + Self.name(file)
            )
            try drop.write(upTo: 0.4)
            return drop
        }
        for round in 1...Int.random(in: 2...12, using: &generator) {
            for drop in drops {
                let other = directory(&generator) + Self.name(drop.file, "-o\(round)")
                try insist { try drop.rename(to: other) }
            }
            if round % 4 == 0 { rest(&generator) }
        }
        for drop in drops.shuffled(using: &generator) {
            try drop.write()
            drop.close()
            ledger.note(drop.file, batch.writer, .exactly(drop.name))
        }
    }

    /// A directory gets other names and other parents while files come into being in it.
    func renameDirectories() throws {
        var generator = SeededGenerator(seed: batch.seed)
        var place = "\(directory(&generator))m\(batch.number)"
        guard mkdir("\(inbox)/\(place)", 0o755) == 0, mkdir("\(inbox)/\(place)/below", 0o755) == 0 else {
            throw FileFailure("make", place)
        }
        var open: [OpenDrop] = []
        var rest = batch.files
        var round = 0
        while !rest.isEmpty {
            for file in rest.prefix(Int.random(in: 1...6, using: &generator)) {
                let name = "\(place)/\(Bool.random(using: &generator) ? "below/" : "")\(Self.name(file))"
                ledger.note(file, batch.writer, .any)
                if Bool.random(using: &generator) {
                    try write(contents.bytes(of: file), to: "\(inbox)/\(name)")
                } else {
                    let drop = try OpenDrop(file, contents.bytes(of: file), in: inbox, as: name)
                    try drop.write(upTo: 0.5)
                    open.append(drop)
                }
                rest = rest.dropFirst()
            }
            round += 1
            let other = "\(directory(&generator))m\(batch.number)-\(round)"
            guard try move("\(inbox)/\(place)", to: "\(inbox)/\(other)") else {
                throw EvidenceError("the directory \(place) is gone from the drop folder")
            }
            place = other
            if round % 3 == 0 { self.rest(&generator) }
            if Bool.random(using: &generator), let drop = open.popLast() {
                try drop.write()
                drop.close()
            }
        }
        for drop in open {
            try drop.write()
            drop.close()
        }
    }

    /// Pairs of files exchange their names, until one of them is taken.
    func exchange() throws {
        var generator = SeededGenerator(seed: batch.seed)
        var names: [String] = []
        for file in batch.files {
            names.append(directory(&generator) + Self.name(file))
            try write(contents.bytes(of: file), to: "\(inbox)/\(names[names.count - 1])")
            ledger.note(file, batch.writer, .any)
        }
        for round in 1...Int.random(in: 5...30, using: &generator) {
            for index in stride(from: 0, to: names.count - 1, by: 2) {
                _ = try move("\(inbox)/\(names[index])", to: "\(inbox)/\(names[index + 1])", exchanging: true)
            }
            if round % 8 == 0 { rest(&generator) }
        }
    }
}
