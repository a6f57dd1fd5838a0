import QueuedStorageCore

extension StorageRequirement {
    static let abilities: [StorageRequirement] = [
        StorageRequirement("tells the same checksum of the same bytes, and another one of others") { probe in
            guard let storage = probe.storage as? any ChecksumStorage else { return }
            let (first, second, third) = (probe.name("a"), probe.name("b"), probe.name("c"))
            try await probe.store("abc", as: first)
            try await probe.store("abc", as: second)
            try await probe.store("abd", as: third)

            guard let checksum = try await storage.checksum(first) else { return }

            let known = [
                Checksum.Algorithm.sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                .md5: "900150983cd24fb0d6963f7d28e17f72",
                .crc32c: "364b3fb7",
            ]
            try require(checksum.value, is: known[checksum.algorithm] ?? "", "\(checksum.algorithm)")
            try require(try await storage.checksum(second), is: checksum, "checksum of the same bytes")
            try require(try await storage.checksum(third) != checksum, "other bytes have the same checksum")
        },
        StorageRequirement("copies a file within itself") { probe in
            guard let storage = probe.storage as? any CopyingStorage else { return }
            let (source, copy) = (probe.name("a"), probe.name("d/b"))
            try await probe.store("text", as: source)

            try await storage.copy(source, to: copy)

            try require(try await probe.text(copy), is: "text", "text of the copy")
            try require(try await probe.text(source), is: "text", "text of the source")
            try await require(.alreadyExists, from: "copying onto a file") { try await storage.copy(source, to: copy) }
            try await require(.notFound, from: "copying nothing") {
                try await storage.copy(probe.name("missing"), to: probe.name("c"))
            }
        },
        StorageRequirement("takes an upload in pieces, and shows it at the end") { probe in
            guard let storage = probe.storage as? any ResumableStorage else { return }
            let name = probe.name()
            let upload = Upload(id: probe.root, name: name)
            let bytes = pattern(11 << 20)

            try require(try await storage.uploadedByteCount(upload), is: 0, "bytes of an unknown upload")
            var offset: Int64 = 0
            for piece in [bytes[..<(6 << 20)], bytes[(6 << 20)...]] {
                let held = try await storage.append(.bytes(piece), to: upload, at: offset, options: StoreOptions())
                try require(try await storage.uploadedByteCount(upload), is: held, "bytes held")
                try require(try await !probe.storage.exists(name), "it exists before it is finished")
                // What the storage didn't take is handed over again.
                offset = held
                if held < Int64(piece.endIndex) {
                    offset = try await storage.append(
                        .bytes(bytes[Int(held)..<piece.endIndex]),
                        to: upload,
                        at: held,
                        options: StoreOptions()
                    )
                }
            }
            let stored = try await storage.finish(upload, options: StoreOptions())

            try require(stored.size, is: Int64(bytes.count), "size stored")
            try require(try await probe.bytes(name) == bytes, "the bytes are other ones")
            try require(try await storage.uploadedByteCount(upload), is: 0, "bytes of a finished upload")
        },
        StorageRequirement("refuses a piece of an upload that belongs elsewhere") { probe in
            guard let storage = probe.storage as? any ResumableStorage else { return }

            let upload = Upload(id: probe.root, name: probe.name())
            try await requireFailure(of: "append") {
                try await storage.append(.text("x"), to: upload, at: 5, options: StoreOptions())
            }
            try await storage.abandon(upload)
        },
        StorageRequirement("forgets an upload that is abandoned, and once more") { probe in
            guard let storage = probe.storage as? any ResumableStorage else { return }
            let upload = Upload(id: probe.root, name: probe.name())
            _ = try await storage.append(.text("text"), to: upload, at: 0, options: StoreOptions())

            try await storage.abandon(upload)
            try await storage.abandon(upload)

            try require(try await storage.uploadedByteCount(upload), is: 0, "bytes")
            try await requireFailure(of: "finish") { try await storage.finish(upload, options: StoreOptions()) }
        },
        StorageRequirement("finishes no upload onto a taken name") { probe in
            guard let storage = probe.storage as? any ResumableStorage, storage is any ExclusiveStorage else { return }
            let name = probe.name()
            try await probe.store("old", as: name)
            let upload = Upload(id: probe.root, name: name)
            _ = try await storage.append(.text("new"), to: upload, at: 0, options: StoreOptions())

            try await require(.alreadyExists, from: "finish") {
                try await storage.finish(upload, options: StoreOptions())
            }

            try require(try await probe.text(name), is: "old", "text")
            _ = try await storage.finish(upload, options: StoreOptions(replaces: true))
            try require(try await probe.text(name), is: "new", "text after replacing")
        },
        StorageRequirement("keeps the upload when its last piece fails") { probe in
            guard let storage = probe.storage as? any ResumableStorage else { return }
            struct Interruption: Error {}
            let upload = Upload(id: probe.root, name: probe.name())
            _ = try await storage.append(.text("text"), to: upload, at: 0, options: StoreOptions())
            let held = try await storage.uploadedByteCount(upload)

            try await requireFailure(of: "append") {
                try await storage.append(
                    stream(pattern(100), size: nil) { throw Interruption() },
                    to: upload,
                    at: held,
                    options: StoreOptions()
                )
            }

            try require(try await storage.uploadedByteCount(upload) >= held, "it forgot what it held")
            try await storage.abandon(upload)
        },
    ]
}
