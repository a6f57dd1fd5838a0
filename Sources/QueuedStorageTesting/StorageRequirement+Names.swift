import QueuedStorageCore

extension StorageRequirement {
    /// Names that a storage keeps exactly as they are, or refuses.
    private static let unusual = [
        "with space.txt", " leading and trailing ", "quo\"te's.txt", "100%.txt", "%41.txt", "a+b.txt", "a#b.txt",
        "a?b.txt",
        "a&b=c;d.txt", "new\nline.txt", "tab\t.txt", "-dash.txt", ".dot.txt", "...", "emoji😀.png", "日本語.txt",
        "back\\slash.txt", "colon:star*.txt", "[brackets]{braces}.txt", "~", "e\u{301}.txt", "\u{E9}.txt",
        String(repeating: "x", count: 255), String(repeating: "é", count: 127),
    ]

    /// Names that lead out of a storage, or into its private folder, or that nothing can have.
    private static let hostile = [
        "../x", "/x", "//x", "a/../../x", "a/../x", "..", "a/..", "..\\x", "a\\..\\x", "\\x", "a/", "", ".",
        ".qstore/id",
        ".qstore", "a/.qstore/x", "a\0b", String(repeating: "x", count: 256), String(repeating: "é", count: 128),
    ]

    /// Names that a server's answer may repeat, and that read like an answer themselves.
    private static let misleading = [
        "permission denied.txt", "denied/quota exceeded.txt", "not found (12 bytes).txt", "550 too many, disk full",
    ]

    static let naming: [StorageRequirement] =
        unusual.map { unusual in
            StorageRequirement("keeps the name \(FileName.quoted(unusual)) exactly, or refuses it") { probe in
                let name = probe.name(unusual)
                do {
                    let stored = try await probe.store(unusual, as: name)
                    try require(NameKey(stored.name) == NameKey(name), "it was stored as \(stored.name)")
                } catch let error as StorageError where error.code == .invalidName {
                    return
                }
                try require(try await probe.text(name), is: unusual, "text")
                try require(try await probe.storage.exists(name), "it doesn't exist")
                let files = try await probe.storage.list(probe.root).files
                try require(files.map { NameKey($0) }, is: [NameKey(unusual)], "files")
                try await probe.storage.delete(name)
                try require(try await !probe.storage.exists(name), "it still exists")
            }
        }
        + hostile.map { hostile in
            StorageRequirement("refuses to store \(FileName.quoted(hostile))") { probe in
                try await require(.invalidName, from: "store") { try await probe.store("x", as: hostile) }
                try await require(.invalidName, from: "save") { try await probe.storage.save(hostile, .text("x")) }
                try await require(.invalidName, .notADirectory, from: "openForWriting") {
                    let writer = try await probe.storage.openForWriting(hostile, options: StoreOptions())
                    _ = try await writer.close()
                }
            }
        }
        + misleading.map { misleading in
            StorageRequirement("isn't misled by the name \(FileName.quoted(misleading))") { probe in
                let (storage, name) = (probe.storage, probe.name(misleading))
                let text = "the text of \(misleading)"
                try await require(.notFound, from: "open") { try await storage.open(name).collect() }
                try await require(.notFound, from: "size") { try await storage.size(name) }
                try require(try await !storage.exists(name), "it exists before it is stored")
                try await storage.delete(name)

                do {
                    try await probe.store(text, as: name)
                } catch let error as StorageError where error.code == .invalidName {
                    return
                }

                try require(try await probe.text(name), is: text, "text")
                try require(try await probe.bytes(name, 0..<20), is: Array(text.utf8.prefix(20)), "first bytes")
                let middle = Array(text.utf8.dropFirst(5).prefix(15))
                try require(try await probe.bytes(name, 5..<20), is: middle, "later bytes")
                try await require(.alreadyExists, from: "store") { try await probe.store("x", as: name) }
                try await probe.store("new", as: name, replaces: true)
                try require(try await probe.text(name), is: "new", "text after replacing")
                try await storage.delete(name)
                try require(try await !storage.exists(name), "it still exists")
            }
        }
        + ["../x", "a/../../x", ".qstore/id"].map { hostile in
            StorageRequirement("lets nobody reach \(FileName.quoted(hostile))") { probe in
                let storage = probe.storage
                try await require(.invalidName, from: "open") { try await storage.open(hostile) }
                try await require(.invalidName, from: "size") { try await storage.size(hostile) }
                try await require(.invalidName, from: "delete") { try await storage.delete(hostile) }
                try await require(.invalidName, from: "exists") { try await storage.exists(hostile) }
                try await require(.invalidName, from: "list") { try await storage.list(hostile) }
                try await require(.invalidName, .notSupported, from: "url") { try await storage.url(hostile) }
                if let local = storage as? any LocalPathStorage {
                    try await require(.invalidName, from: "path") { try local.path(hostile) }
                }
            }
        } + [
            StorageRequirement("takes names for different that are written with other scalars") { probe in
                let (composed, decomposed) = (probe.name("\u{E9}"), probe.name("e\u{301}"))
                do {
                    try await probe.store("composed", as: composed)
                    try await probe.store("decomposed", as: decomposed)
                } catch let error as StorageError where error.code == .invalidName {
                    return
                }

                try require(try await probe.text(composed), is: "composed", "text of the composed name")
                try require(try await probe.text(decomposed), is: "decomposed", "text of the decomposed name")
                try require(try await probe.storage.list(probe.root).files.count, is: 2, "files")
            },
            StorageRequirement("saves under another name if one is taken") { probe in
                let name = probe.name("a.tar.gz")

                let first = try await probe.storage.save(name, .text("one"))
                let second = try await probe.storage.save(name, .text("two"))

                try require(first, is: name, "first name")
                try require(second != first && second.hasSuffix(".tar.gz"), "the second name is \(second)")
                try require(try await probe.text(first), is: "one", "first text")
                try require(try await probe.text(second), is: "two", "second text")
                try await probe.storage.delete(second)
            },
            StorageRequirement("saves a stream under another name if one is taken") { probe in
                let name = probe.name()
                try await probe.store("one", as: name)

                let second = try await probe.storage.save(name, stream(Array("two".utf8), size: nil))

                try require(second != name, "it has the taken name")
                try require(try await probe.text(second), is: "two", "text")
                try await probe.storage.delete(second)
            },
            StorageRequirement("cuts a name that is too long, before its extension") { probe in
                let name = probe.name("abcdefghijklmnop.txt")
                let limit = name.unicodeScalars.count - 4

                let stored = try await probe.storage.save(name, .text("x"), maxLength: limit)

                try require(stored.unicodeScalars.count <= limit, "\(stored) is longer than \(limit)")
                try require(stored.hasSuffix(".txt"), "\(stored) lost its extension")
                try await probe.storage.delete(stored)
            },
            StorageRequirement("reads backslashes of a saved name as slashes") { probe in
                let stored = try await probe.storage.save(probe.name("d\\a.txt"), .text("x"))

                try require(stored, is: probe.name("d/a.txt"), "name")
            },
            StorageRequirement("tells addresses that are encoded, or that it has none") { probe in
                do {
                    let address = try await probe.storage.url(probe.name("a b#c?d.txt"))
                    try require(address.contains("a%20b%23c%3Fd.txt"), "the address is \(address)")
                } catch let error as StorageError where error.code == .notSupported {
                    return
                }
            },
        ]

    static let listing: [StorageRequirement] = [
        StorageRequirement("lists what is directly below, sorted") { probe in
            for name in ["b.txt", "a.txt", "d/1", "d/e/2", "c/3", "dd"] {
                try await probe.store(name, as: probe.name(name))
            }

            let listing = try await probe.storage.list(probe.root)

            try require(listing.files, is: ["a.txt", "b.txt", "dd"], "files")
            try require(listing.directories, is: ["c", "d"], "directories")
            let below = try await probe.storage.list(probe.root + "/d")
            try require(below, is: DirectoryListing(directories: ["e"], files: ["1"]), "listing of d")
        },
        StorageRequirement("never lists its private folder") { probe in
            try await probe.store("x", as: probe.name())

            let listing = try await probe.storage.list("")

            try require(listing.directories.contains(probe.root), "the root lacks \(probe.root)")
            try require(!(listing.directories + listing.files).contains(".qstore"), "the root shows .qstore")
        },
        StorageRequirement("lists many files, each once") { probe in
            let names = (0..<60).map { "file-\($0 + 100)" }
            for name in names { try await probe.store("", as: probe.name(name)) }

            try require(try await probe.storage.list(probe.root).files, is: names, "files")
        },
        StorageRequirement("lists nothing where nothing is, or says so") { probe in
            do {
                let listing = try await probe.storage.list(probe.root + "/missing")
                try require(listing, is: DirectoryListing(directories: [], files: []), "listing")
            } catch let error as StorageError where error.code == .notFound {
                return
            }
        },
    ]
}
