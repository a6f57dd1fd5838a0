import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// What a server says that it can do, at `/info`.
struct ServerInfo: Decodable, Sendable {
    struct Swift: Decodable, Sendable {
        var maxFileSize: Int64?
        enum CodingKeys: String, CodingKey { case maxFileSize = "max_file_size" }
    }
    struct LargeObjects: Decodable, Sendable {
        var maxSegments: Int?
        enum CodingKeys: String, CodingKey { case maxSegments = "max_manifest_segments" }
    }
    struct TemporaryURLs: Decodable, Sendable {
        var digests: [String]?
        enum CodingKeys: String, CodingKey { case digests = "allowed_digests" }
    }

    var swift: Swift?
    var slo: LargeObjects?
    var tempurl: TemporaryURLs?
    /// What time it was at the server when this machine had run for so long; nil if it didn't say so.
    private var clock: Clock?

    private struct Clock: Sendable {
        var date: Date
        var bootMilliseconds: Int64
    }

    private enum CodingKeys: String, CodingKey { case swift, slo, tempurl }

    /// What time it is at the server: by its own clock, which may not agree with ours.
    ///
    /// - Parameter time: The clocks of this machine.
    /// - Returns: The time; that of this machine if the server didn't tell its own.
    func now(_ time: any TimeSource) -> Date {
        guard let clock else { return time.now }
        return clock.date.addingTimeInterval(Double(time.bootMilliseconds - clock.bootMilliseconds) / 1000)
    }

    /// The largest object that isn't made of segments: 5 GiB unless the server says otherwise.
    var maxFileSize: Int64 { max(1, swift?.maxFileSize ?? 5 << 30) }
    /// How many segments a file may have: 1000 unless the server says otherwise.
    var maxSegments: Int { min(max(1, slo?.maxSegments ?? 1000), 1 << 20) }

    /// How temporary addresses are signed; servers that don't say so know SHA-1 alone.
    var temporaryURLDigest: TemporaryURL.Digest {
        guard let digests = tempurl?.digests else { return .sha1 }
        return TemporaryURL.Digest.allCases.first { digests.contains($0.rawValue) } ?? .sha256
    }

    /// Asks a server.
    ///
    /// - Parameters:
    ///   - storageURL: The address of an account of it.
    ///   - transport: Carries the question.
    ///   - time: The clocks of this machine.
    /// - Returns: What it says; the usual limits if it doesn't.
    /// - Throws: `StorageError` if it can't be reached, or has trouble.
    static func ask(_ storageURL: String, _ transport: Transport, _ time: any TimeSource) async throws -> ServerInfo {
        var components = storageURL.split(separator: "/", omittingEmptySubsequences: false)
        // http: · nothing · host · … · v1 · account
        while components.count > 3, components.last != "v1" { components.removeLast() }
        if components.last == "v1" { components.removeLast() }
        let answer = try await transport.send(TransportRequest("GET", components.joined(separator: "/") + "/info"))
        let clock = answer.headers["Date"].flatMap { HTTPDate.parse($0) }.map {
            Clock(date: $0, bootMilliseconds: time.bootMilliseconds)
        }
        guard answer.status == 200 else {
            guard (400..<500).contains(answer.status), ![408, 429, 498].contains(answer.status) else {
                throw await answer.swiftFailure("What the server can do couldn't be found out")
            }
            // One that is silent about itself has the usual limits.
            try? await answer.discard()
            return ServerInfo(clock: clock)
        }
        let bytes = try await answer.collect(upTo: 1 << 20)
        var info = (try? JSONDecoder().decode(ServerInfo.self, from: Data(bytes))) ?? ServerInfo()
        info.clock = clock
        return info
    }
}
