internal import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension InMemoryStorage: LocalStorage {
    public func identity() throws -> String { box.identity }

    public func owner() throws -> String? { box.state.withLock { $0.owner } }

    public func setOwner(_ owner: String, replacing: Bool) throws -> Bool {
        box.state.withLock { state in
            guard state.owner == nil || replacing else { return false }
            state.owner = owner
            return true
        }
    }

    public func token() throws -> String { box.state.withLock { $0.token } }

    public func stage(_ content: FileContent, computesSHA256: Bool) async throws -> StagedFile {
        let bytes = try await Self.bytes(of: content, StoreOptions())
        let place = box.state.withLock { state in
            let place = Place.staging(token: state.token, id: FileName.randomIdentifier()).description
            state.staged[NameKey(place)] = bytes
            return place
        }
        return StagedFile(
            place: place,
            size: Int64(bytes.count),
            sha256: computesSHA256 ? Self.sha256(bytes) : nil,
            contentType: content.contentType
        )
    }

    public func stage(_ taken: TakenFile) async throws -> StagedFile {
        try await stage(FileContent(.open(taken.file)), computesSHA256: true)
    }

    public func discard(_ place: String) throws {
        _ = try Place(place)
        box.state.withLock { $0.staged[NameKey(place)] = nil }
    }

    public func place(_ place: String, as name: String, replacing: Bool) throws -> Bool {
        _ = try Place(place)
        try FileName.validate(name)
        let key = try resolve(name)
        return try box.state.withLock { state in
            guard let bytes = state.staged[NameKey(place)] else { return false }
            try state.put(Entry(bytes: bytes), key, replacing: replacing)
            state.staged[NameKey(place)] = nil
            return true
        }
    }

    public func sync(names: [String], places: [String]) throws {}

    public func removeCopy(_ name: String, place: String?) throws {
        let key = try resolve(name)
        let place = try place.map { NameKey(try Place($0).description) }
        try box.state.withLock { state in
            if let place { state.staged[place] = nil }
            if state.directories.contains(key) {
                throw Self.couldNot("removed", name, .isDirectory, "it is a directory")
            }
            state.files[key] = nil
        }
    }

    public func emptyTrash() throws {}

    public func content(of name: String, place: String?) throws -> FileContent {
        let key = try resolve(name)
        let place = try place.map { NameKey(try Place($0).description) }
        return try box.state.withLock { state in
            guard let bytes = place.flatMap({ state.staged[$0] }) ?? state.files[key]?.bytes else {
                throw state.missing(key)
            }
            return FileContent(.bytes(bytes))
        }
    }

    public func isAlive(_ token: String) throws -> Bool { box.state.withLock { $0.token == token } }

    public func isOwnerAlive(ofPlace place: String) throws -> Bool { try isAlive(Place(place).token) }

    public func deadTokens() throws -> [String] { box.state.withLock { $0.deadTokens.sorted() } }

    public func takeOver(_ token: String) throws -> DeadToken? {
        box.state.withLock { state in
            guard state.deadTokens.remove(token) != nil else { return nil }
            let prefix = Array("staging/\(token)/".utf8)
            let places = state.staged.keys.map(\.name).filter { $0.utf8.starts(with: prefix) }.sorted()
            // Who lets it go without forgetting it leaves it to the next one.
            let lock = Giveback(box: box, token: token)
            return DeadToken(token: token, places: places, lock: lock) { lock.isForgotten.value = true }
        }
    }

    public func register(_ folder: DropFolderRegistration) throws {}

    /// Ends the life of the current token, as if its process had died.
    package func endToken() {
        box.state.withLock { state in
            state.deadTokens.insert(state.token)
            state.token = FileName.randomIdentifier()
        }
    }
}

/// Makes a dead token available again, unless it was forgotten.
private final class Giveback: Sendable {
    let isForgotten = Shared(false)
    private let box: InMemoryStorage.Box
    private let token: String

    init(box: InMemoryStorage.Box, token: String) {
        self.box = box
        self.token = token
    }

    deinit {
        if !isForgotten.value { _ = box.state.withLock { $0.deadTokens.insert(token) } }
    }
}
