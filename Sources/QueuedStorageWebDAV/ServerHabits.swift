import QueuedStorageCore
import QueuedStorageTransport
private import Synchronization

/// Finds out which names a server keeps as they are, before one is entrusted to it.
///
/// Some servers hide names that begin with a dot, and some misread characters of the address that a file is moved to, so
/// that it would end up under another name. Each habit is looked at once, with a file of our own.
final class ServerHabits: Sendable {
    private struct State {
        var hidesDots: Bool?
        var isKept: [UInt8: Bool] = [:]
    }

    private let client: DAVClient
    private let state = Mutex(State())

    init(_ client: DAVClient) { self.client = client }

    /// Refuses a name that the server would hide or change.
    ///
    /// The folder of temporary files must be there.
    func check(_ components: [String], _ name: String, in storage: WebDAVStorage) async throws {
        if components.contains(where: { $0.utf8.first == UInt8(ascii: ".") }), try await hidesDots(storage) {
            throw FileName.refusal(name, "the server shows no names that begin with a dot")
        }
        for byte in Set(components.flatMap(\.utf8)).sorted() where Self.isSpecial(byte) {
            guard try await !keeps(byte, storage) else { continue }
            let character = FileName.quoted(String(decoding: [byte], as: UTF8.self))
            throw FileName.refusal(name, "the server misreads the character \(character)")
        }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: " "), 0x80...:
            false
        default: true
        }
    }

    private func hidesDots(_ storage: WebDAVStorage) async throws -> Bool {
        if let known = state.withLock({ $0.hidesDots }) { return known }
        let failed = "The storage's directory couldn't be listed"
        let resources = try await storage.resources(in: [], name: "", failed: failed) ?? []
        let hides = !resources.contains { client.child($0.href, of: []) == FileName.privateComponent }
        state.withLock { $0.hidesDots = hides }
        return hides
    }

    private func keeps(_ byte: UInt8, _ storage: WebDAVStorage) async throws -> Bool {
        if let known = state.withLock({ $0.isKept[byte] }) { return known }
        let failed = "The server couldn't be asked for its rules for names"
        let id = FileName.randomIdentifier()
        let source = WebDAVStorage.temporaries + [id]
        let target = WebDAVStorage.temporaries + [id + "-" + String(decoding: [byte], as: UTF8.self) + "-"]
        let put = try await client.send("PUT", source, body: .bytes([]))
        guard [200, 201, 204].contains(put.status) else { throw await storage.refusal(put, failed, "") }
        try await put.discard()
        let move = try await client.send(
            "MOVE",
            source,
            headers: ["Destination": client.url(target), "Overwrite": "F"]
        )
        try await move.discard()
        let isThere = try await storage.resource(target, name: "", failed: failed) != nil
        // Where it went otherwise: it was cut at the character, or not moved.
        for place in [target, source, WebDAVStorage.temporaries + [id + "-"]] {
            try await client.send("DELETE", place).discard()
        }
        state.withLock { $0.isKept[byte] = isThere }
        return isThere
    }
}
