import QueuedStorageCore

/// What lies on the other side, and what it does to requests.
final class RemoteServer: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let world: World
    private(set) var objects: [String: [UInt8]] = [:]
    /// Uploads in pieces, by their identifier.
    var uploads: [String: [UInt8]] = [:]
    /// What was under a name before its last change, for stale answers.
    private var former: [String: [UInt8]?] = [:]
    /// Names of which the server damaged or denied the bytes: what lies there may stay, as nobody can tell that it is ours.
    private(set) var tainted: Set<String> = []
    /// What others put there; nobody may touch it.
    private(set) var foreign: [String: [UInt8]] = [:]
    /// Nothing gets there before this time.
    var isBackAt: Int64 = 0

    init(_ world: World) { self.world = world }

    /// Puts bytes under a free name, as they came, or as the weather leaves them.
    func put(_ bytes: [UInt8], as name: String, replacing: Bool) throws {
        guard objects[name] == nil || replacing else {
            throw StorageError(.alreadyExists, name: name, "the remote has something under the name \"\(name)\"")
        }
        if let stranger = foreign[name], stranger != bytes || !replacing {
            world.broken("P5", "what somebody else put on the remote as \"\(name)\" was overwritten")
        } else if replacing, objects[name] != nil, !name.hasPrefix("qstore-probe-") {
            world.broken("P5", "\"\(name)\" on the remote was overwritten, and nobody asked for it")
        }
        change(name, to: bytes)
        world.note("remote has \(name), \(bytes.count) bytes")
        world.look()
    }

    func remove(_ name: String) {
        guard objects[name] != nil else { return }
        if foreign[name] != nil {
            guard world.ledger.mayDelete(name) else {
                return world.broken("P5", "what somebody else put on the remote as \"\(name)\" was deleted")
            }
            foreign[name] = nil
        }
        change(name, to: nil)
        world.note("remote lost \(name)")
        world.look()
    }

    /// Somebody else puts something there, under a free name.
    func putForeign(_ bytes: [UInt8], as name: String) {
        guard objects[name] == nil else { return }
        foreign[name] = bytes
        change(name, to: bytes)
        world.note("a stranger puts \(name) on the remote")
    }

    func taint(_ name: String) { tainted.insert(name) }

    private func change(_ name: String, to bytes: [UInt8]?) {
        former[name] = .some(objects[name])
        objects[name] = bytes
    }

    /// What a question about a name is answered with: what lies there, or lay there before.
    func answer(_ name: String) -> [UInt8]? {
        if world.simulator.happens(world.weather.answerIsStale), let before = former[name] { return before }
        return objects[name]
    }
}
