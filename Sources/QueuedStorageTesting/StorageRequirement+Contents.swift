import FoundationEssentials
import QueuedStorageCore

extension StorageRequirement {
    static let reading: [StorageRequirement] = [
        StorageRequirement("gives back the bytes that it was given") { probe in
            let (name, bytes) = (probe.name("d/a.bin"), pattern(1000))

            let stored = try await probe.storage.store(.bytes(bytes), as: name, options: StoreOptions())

            try require(stored.name, is: name, "name")
            try require(stored.size, is: 1000, "size stored")
            try require(try await probe.bytes(name) == bytes, "the bytes are other ones")
            try require(try await probe.storage.size(name), is: 1000, "size")
            try require(try await probe.storage.exists(name), "it doesn't exist")
        },
        StorageRequirement("keeps an empty file") { probe in
            let name = probe.name()

            try await probe.store("", as: name)

            try require(try await probe.bytes(name).isEmpty, "it isn't empty")
            try require(try await probe.bytes(name, 0..<10).isEmpty, "a range of it isn't empty")
            try require(try await probe.storage.size(name), is: 0, "size")
        },
        StorageRequirement("keeps a file larger than any buffer") { probe in
            let (name, bytes) = (probe.name(), pattern(1_500_007))

            let content = stream(bytes, size: Int64(bytes.count))
            let stored = try await probe.storage.store(content, as: name, options: StoreOptions())

            try require(stored.size, is: 1_500_007, "size stored")
            try require(try await probe.bytes(name) == bytes, "the bytes are other ones")
        },
        StorageRequirement("keeps a stream of unknown length") { probe in
            let (name, bytes) = (probe.name(), pattern(300_001))

            let stored = try await probe.storage.store(stream(bytes, size: nil), as: name, options: StoreOptions())

            try require(stored.size, is: 300_001, "size stored")
            try require(try await probe.bytes(name) == bytes, "the bytes are other ones")
        },
        StorageRequirement("keeps the content of an open file") { probe in
            let (name, bytes) = (probe.name(), pattern(600_000))
            let file = try OpenFile.unnamedTemporary()
            try bytes.withUnsafeBytes { try file.write($0, at: 0) }

            _ = try await probe.storage.store(FileContent(.open(file)), as: name, options: StoreOptions())

            try require(try await probe.bytes(name) == bytes, "the bytes are other ones")
        },
        StorageRequirement("reads ranges, and cuts them at the end") { probe in
            let (name, bytes) = (probe.name(), pattern(400_000))
            _ = try await probe.storage.store(.bytes(bytes), as: name, options: StoreOptions())

            let ranges: [Range<Int64>] = [
                0..<1, 0..<400_000, 1..<3, 262_143..<262_145, 399_999..<400_000, 399_990..<400_100, 400_000..<400_010,
                500_000..<500_010, 7..<7,
            ]
            for range in ranges {
                let wanted = range.clamped(to: 0..<400_000)
                let expected = bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)]
                try require(try await probe.bytes(name, range) == Array(expected), "the bytes \(range) are other ones")
            }
        },
        StorageRequirement("can be read twice at once") { probe in
            let (name, bytes) = (probe.name(), pattern(600_000))
            _ = try await probe.storage.store(.bytes(bytes), as: name, options: StoreOptions())

            async let first = probe.bytes(name)
            async let second = probe.bytes(name)

            try require(try await first == bytes, "the first reader got other bytes")
            try require(try await second == bytes, "the second reader got other bytes")
        },
        StorageRequirement("tells when a file changed") { probe in
            let name = probe.name()
            try await probe.store("x", as: name)

            let changed = try await probe.storage.modifiedAt(name)

            try require(abs(changed.timeIntervalSinceNow) < 86_400, "it says \(changed)")
        },
        StorageRequirement("has a fingerprint that stays") { probe in
            try require(probe.storage.fingerprint, is: probe.storage.fingerprint, "fingerprint")
            try require(probe.storage.fingerprint != "", "the fingerprint is empty")
        },
    ]

    static let writing: [StorageRequirement] = [
        StorageRequirement("tells the SHA-256 of what it stored, if asked") { probe in
            let name = probe.name()

            let stored = try await probe.storage.store(
                .text("abc"),
                as: name,
                options: StoreOptions(computesSHA256: true)
            )

            // Source: FIPS 180-4, the example of the one-block message.
            try require(
                stored.sha256,
                is: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "SHA-256"
            )
        },
        StorageRequirement("tells of its progress up to the whole size") { probe in
            let last = Shared(Int64(0))
            let options = StoreOptions(progress: { count in last.value = max(last.value, count) })

            _ = try await probe.storage.store(.bytes(pattern(500_000)), as: probe.name(), options: options)

            try require(last.value, is: 500_000, "last progress")
        },
        StorageRequirement("replaces a file if it is told to") { probe in
            let name = probe.name()
            try await probe.store("a longer text", as: name)

            let stored = try await probe.store("short", as: name, replaces: true)

            try require(stored.name, is: name, "name")
            try require(try await probe.text(name), is: "short", "text")
        },
        StorageRequirement("replaces what isn't there, too") { probe in
            let name = probe.name()

            try await probe.store("text", as: name, replaces: true)

            try require(try await probe.text(name), is: "text", "text")
        },
        StorageRequirement("deletes a file, and once more") { probe in
            let name = probe.name()
            try await probe.store("text", as: name)

            try await probe.storage.delete(name)
            try await probe.storage.delete(name)

            try require(try await !probe.storage.exists(name), "it still exists")
            try await require(.notFound, from: "open") { try await probe.storage.open(name) }
        },
        StorageRequirement("stores a name again that was deleted") { probe in
            let name = probe.name()
            try await probe.store("one", as: name)
            try await probe.storage.delete(name)

            try await probe.store("two", as: name)

            try require(try await probe.text(name), is: "two", "text")
        },
        StorageRequirement("shows nothing of a writer's file before it is closed") { probe in
            // Storages with directories open files for writing in those that exist.
            try await probe.store("x", as: probe.name("other"))
            let name = probe.name()

            let writer = try await probe.storage.openForWriting(name, options: StoreOptions(computesSHA256: true))
            try await writer.write(pattern(300_000))
            try require(try await !probe.storage.exists(name), "it exists while it is written")
            try await writer.write(Array("abc".utf8))
            let stored = try await writer.close()

            try require(stored.size, is: 300_003, "size stored")
            try require(try await probe.bytes(name) == pattern(300_000) + Array("abc".utf8), "the bytes are other ones")
        },
        StorageRequirement("keeps nothing of a writer that is discarded or let go") { probe in
            try await probe.store("x", as: probe.name("other"))
            let (first, second) = (probe.name("a"), probe.name("b"))

            let writer = try await probe.storage.openForWriting(first, options: StoreOptions())
            try await writer.write(pattern(10))
            await writer.discard()
            do {
                let forgotten = try await probe.storage.openForWriting(second, options: StoreOptions())
                try await forgotten.write(pattern(10))
            }

            try require(try await probe.storage.list(probe.root).files, is: ["other"], "files")
            try await requireFailure(of: "closing a discarded writer") { try await writer.close() }
        },
        StorageRequirement("lets a writer replace a file") { probe in
            let name = probe.name()
            try await probe.store("old", as: name)

            let writer = try await probe.storage.openForWriting(name, options: StoreOptions(replaces: true))
            try await writer.write(Array("new".utf8))
            try require(try await probe.text(name), is: "old", "text while it is written")
            _ = try await writer.close()

            try require(try await probe.text(name), is: "new", "text")
        },
    ]
}
