public import QueuedStorageCore

/// One thing that every local storage must do, by name.
///
/// ```swift
/// @Test(arguments: LocalStorageRequirement.all)
/// func meets(_ requirement: LocalStorageRequirement) async throws {
///     try await withTemporaryDirectory { location in
///         try await requirement.check { FileSystemStorage(location: location) }
///     }
/// }
/// ```
public struct LocalStorageRequirement: Sendable, CustomStringConvertible {
    typealias Open = @Sendable () async throws -> any LocalStorage
    typealias End = @Sendable (any LocalStorage) -> Void

    /// What the storage must do, as a sentence without its subject.
    public let name: String
    private let body: @Sendable (any LocalStorage, Open, End) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (any LocalStorage, Open, End) async throws -> Void) {
        self.name = name
        self.body = body
    }

    init(_ name: String, _ body: @escaping @Sendable (any LocalStorage) async throws -> Void) {
        self.init(name) { storage, _, _ in try await body(storage) }
    }

    /// The requirement's name.
    public var description: String { name }

    /// All requirements.
    public static let all: [LocalStorageRequirement] = staging + placing + removing + dying

    /// Checks a storage.
    ///
    /// - Parameters:
    ///   - open: Opens one location, which is empty at first; each call gives another handle on it, as another process
    ///     would have.
    ///   - end: Ends the life of a handle, if letting it go doesn't.
    /// - Throws: ``RequirementFailure`` if the requirement isn't met, or what the storage throws.
    public func check(
        _ open: @escaping @Sendable () async throws -> any LocalStorage,
        end: @escaping @Sendable (any LocalStorage) -> Void = { _ in }
    ) async throws {
        do {
            try await body(try await open(), open, end)
        } catch let failure as RequirementFailure {
            throw RequirementFailure("\(name): \(failure)")
        }
    }
}

extension LocalStorage {
    fileprivate func text(of name: String, place: String? = nil) async throws -> String {
        String(decoding: try await content(of: name, place: place).reader().collect(), as: UTF8.self)
    }

    fileprivate func stage(_ text: String) async throws -> String {
        try await stage(.text(text), computesSHA256: false).place
    }
}

extension LocalStorageRequirement {
    static let staging: [LocalStorageRequirement] = [
        LocalStorageRequirement("has an identifier that stays") { storage, open, _ in
            let identity = try storage.identity()

            try require(identity != "", "it is empty")
            try require(try storage.identity(), is: identity, "identifier")
            try require(try await open().identity(), is: identity, "identifier seen by another process")
        },
        LocalStorageRequirement("belongs to its first owner, until that gives way") { storage, open, _ in
            try require(try storage.owner() == nil, "it belongs to somebody")
            try require(try storage.setOwner("one", replacing: false), "the first owner was refused")
            try require(try await !open().setOwner("two", replacing: false), "the first owner gave way")
            try require(try await open().owner(), is: "one", "owner seen by another process")
            try require(try await open().setOwner("two", replacing: true), "the second owner was refused")
            try require(try storage.owner(), is: "two", "owner")
            try require(try await storage.list("").directories.isEmpty, "the listing shows something")
        },
        LocalStorageRequirement("keeps staged bytes where nobody sees them by name") { storage in
            let bytes = pattern(700_000)

            let staged = try await storage.stage(stream(bytes, size: nil), computesSHA256: false)

            try require(staged.size, is: 700_000, "size")
            let content = try await storage.content(of: "a.bin", place: staged.place).reader().collect()
            try require(content == bytes, "the bytes are other ones")
            try require(try await storage.list("").files.isEmpty, "the listing shows something")
            try require(try await storage.list("").directories.isEmpty, "the listing shows something")
        },
        LocalStorageRequirement("hashes staged bytes if asked") { storage in
            let staged = try await storage.stage(.text("abc"), computesSHA256: true)

            try require(
                staged.sha256,
                is: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "SHA-256"
            )
        },
        LocalStorageRequirement("keeps the media type of staged content") { storage in
            let staged = try await storage.stage(.text("abc", contentType: "text/plain"), computesSHA256: false)

            try require(staged.contentType, is: "text/plain", "media type")
        },
        LocalStorageRequirement("discards staged bytes, and once more") { storage in
            let place = try await storage.stage("text")

            try storage.discard(place)
            try storage.discard(place)

            try await require(.notFound, from: "content") { try storage.content(of: "a", place: place) }
            try require(try !storage.place(place, as: "a", replacing: false), "it was placed")
        },
        LocalStorageRequirement("keeps nothing of content that fails midway") { storage, open, end in
            struct Interruption: Error {}
            var other: (any LocalStorage)? = try await open()
            let token = try other?.token() ?? ""

            try await requireFailure(of: "stage") {
                try await other?.stage(stream(pattern(100), size: nil) { throw Interruption() }, computesSHA256: false)
            }

            if let other { end(other) }
            other = nil
            try require(try storage.takeOver(token)?.places ?? [], is: [], "places left")
        },
        LocalStorageRequirement("refuses places that it doesn't give") { storage in
            let places = [
                "", "staging", "staging/t", "staging/../id", "staging/t/..", "../x", "/etc/passwd", "staging/t/i/../x",
                "staging//x", "inbox/x/y", "inbox/../t/i", "inbox/i/t/../x", "other/t/i", "staging/t/a b",
                "staging/t/i/",
                "./staging/t/i", "staging/t/\u{E9}",
            ]
            for place in places {
                let what = FileName.quoted(place)
                try await require(.invalidName, from: "discard \(what)") { try storage.discard(place) }
                try await require(.invalidName, from: "place \(what)") {
                    try storage.place(place, as: "a", replacing: false)
                }
                try await require(.invalidName, from: "remove \(what)") { try storage.removeCopy("a", place: place) }
                try await require(.invalidName, from: "read \(what)") { try storage.content(of: "a", place: place) }
            }
        },
    ]

    static let placing: [LocalStorageRequirement] = [
        LocalStorageRequirement("gives staged bytes their name, in directories that it makes") { storage in
            let place = try await storage.stage("text")

            try require(try storage.place(place, as: "d/e/a.txt", replacing: false), "there was nothing to place")
            try storage.sync(names: ["d/e/a.txt"], places: [place])

            try require(try await storage.open("d/e/a.txt").collect(), is: Array("text".utf8), "bytes")
            try require(try await storage.text(of: "d/e/a.txt", place: place), is: "text", "text by its old place")
        },
        LocalStorageRequirement("places bytes once, however often it is asked") { storage in
            let place = try await storage.stage("text")

            try require(try storage.place(place, as: "a", replacing: false), "there was nothing to place")
            try require(try !storage.place(place, as: "a", replacing: false), "it was placed twice")
            try require(try !storage.place(place, as: "b", replacing: true), "it was placed twice")

            try require(try await storage.list("").files, is: ["a"], "files")
        },
        LocalStorageRequirement("places nothing onto a taken name, and keeps both") { storage in
            _ = try await storage.save("a", .text("old"))
            let place = try await storage.stage("new")

            try await require(.alreadyExists, from: "place") { try storage.place(place, as: "a", replacing: false) }

            try require(try await storage.text(of: "a"), is: "old", "text of the name")
            try require(try await storage.text(of: "a", place: place), is: "new", "text at the place")
        },
        LocalStorageRequirement("replaces what has the name if it is told to") { storage in
            _ = try await storage.save("a", .text("old"))
            let place = try await storage.stage("new")

            try require(try storage.place(place, as: "a", replacing: true), "there was nothing to place")

            try require(try await storage.text(of: "a"), is: "new", "text")
        },
        LocalStorageRequirement("places nothing under a hostile name") { storage in
            let place = try await storage.stage("text")

            for name in ["../a", "/a", "a/../../b", ".qstore/id", "", "a\0b"] {
                try await require(.invalidName, from: "place as \(FileName.quoted(name))") {
                    try storage.place(place, as: name, replacing: true)
                }
            }
        },
        LocalStorageRequirement("lets one of many placers of a name win") { storage in
            var places: [String] = []
            for number in 0..<6 { places.append(try await storage.stage("\(number)")) }

            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for place in places {
                    group.addTask {
                        do {
                            return try storage.place(place, as: "d/a", replacing: false) ? 1 : 0
                        } catch let error as StorageError where error.code == .alreadyExists {
                            return 0
                        }
                    }
                }
                return try await group.reduce(0, +)
            }

            try require(winners, is: 1, "winners")
        },
        LocalStorageRequirement("syncs names and places that are gone") { storage in
            let place = try await storage.stage("text")
            try storage.discard(place)

            try storage.sync(names: ["never/there", "a"], places: [place])
        },
    ]

    static let removing: [LocalStorageRequirement] = [
        LocalStorageRequirement("removes the copy at its place and under its name, and once more") { storage in
            _ = try await storage.save("d/a", .text("named"))
            let place = try await storage.stage("placed")

            try storage.removeCopy("d/a", place: place)
            try storage.removeCopy("d/a", place: place)
            try storage.removeCopy("never/there", place: nil)
            try storage.sync(names: ["d/a"], places: [place])

            try require(try await !storage.exists("d/a"), "it still exists")
            try require(try !storage.place(place, as: "d/a", replacing: false), "a late placer found something")
        },
        LocalStorageRequirement("goes on reading what was removed meanwhile") { storage in
            let bytes = pattern(600_000)
            _ = try await storage.save("a", .bytes(bytes))
            let content = try storage.content(of: "a", place: nil)

            try storage.removeCopy("a", place: nil)

            try require(try await content.reader().collect() == bytes, "the bytes are other ones")
            try await require(.notFound, from: "content") { try storage.content(of: "a", place: nil) }
        },
        LocalStorageRequirement("empties its trash, also if there is none") { storage in
            try storage.emptyTrash()
            _ = try await storage.save("a", .text("x"))
            try storage.removeCopy("a", place: nil)
            try storage.emptyTrash()
        },
    ]

    static let dying: [LocalStorageRequirement] = [
        LocalStorageRequirement("has a token that lives as long as it does") { storage in
            let token = try storage.token()
            let place = try await storage.stage("text")

            try require(try storage.token(), is: token, "token")
            try require(try storage.isAlive(token), "it is dead")
            try require(try storage.isOwnerAlive(ofPlace: place), "the owner of its place is dead")
            try require(try !storage.deadTokens().contains(token), "it is listed with the dead")
            try require(try storage.takeOver(token) == nil, "it was taken over")
        },
        LocalStorageRequirement("takes a token that it never saw for dead") { storage in
            try require(try !storage.isAlive("0123456789abcdef"), "it is alive")
            try require(try !storage.isAlive("../../id"), "it is alive")
        },
        LocalStorageRequirement("hands over what a dead process left, to one at a time") { storage, open, end in
            var other: (any LocalStorage)? = try await open()
            let token = try other?.token() ?? ""
            let place = try await other?.stage("left") ?? ""
            let dropped = try await other?.stage("litter") ?? ""
            if let other { end(other) }
            other = nil

            try require(try storage.deadTokens(), is: [token], "dead tokens")
            try require(try !storage.isAlive(token), "the dead one is alive")
            try require(try !storage.isOwnerAlive(ofPlace: place), "the owner of a dead one's place is alive")
            var dead = try unwrap(try storage.takeOver(token), "the token taken over")
            try require(dead.places.sorted(), is: [place, dropped].sorted(), "places")
            try require(try storage.takeOver(token) == nil, "it was taken over twice")
            try require(try storage.place(place, as: "a", replacing: false), "its bytes couldn't be placed")
            try storage.discard(dropped)
            try dead.forget()
            dead = DeadToken(token: "", places: [], lock: nil) {}

            try require(try await storage.text(of: "a"), is: "left", "text")
            try require(try storage.deadTokens(), is: [], "dead tokens afterwards")
        },
        LocalStorageRequirement("hands over again what was let go without being forgotten") { storage, open, end in
            var other: (any LocalStorage)? = try await open()
            let token = try other?.token() ?? ""
            let place = try await other?.stage("left") ?? ""
            if let other { end(other) }
            other = nil

            do {
                let dead = try unwrap(try storage.takeOver(token), "the token taken over")
                try require(dead.places, is: [place], "places")
            }

            try require(try storage.takeOver(token)?.places, is: [place], "places the second time")
        },
    ]
}
