import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

@testable import QueuedStorageCloudFiles

/// What a server of OpenStack Swift can say, and what a tampered catalog can say about uploads.
@Suite(.serialized) struct HostileInputTests {
    private static let listing = """
        [{"name":"a.txt","bytes":5,"hash":"x","last_modified":"2026-11-20T12:00:00.000001"},{"subdir":"d/"},{"subdir":"../"},\
        {"name":"/etc/passwd","bytes":-5},{"name":"x/../../y","last_modified":"9223372036854775807-99-99T99:99:nan"}]
        """

    @Test func `listings, manifests and records`() async throws {
        let examples = [
            Self.listing, #"[{"name":"/segments/x","sub_slo":true},{"name":"a"}]"#,
            #"[{"name":"x","last_modified":"99999999999-01-01T00:00:1e400"},{"name":"y","last_modified":"-9-9-9T9:9:-inf"}]"#,
            #"{"segments":[{"size":9223372036854775807,"md5":"x"},{"size":9223372036854775807,"md5":""}],"name":"../x"}"#,
            #"{"segments":[{"size":-5,"md5":"x"}]}"#,
            #"{"slo":{"max_manifest_segments":-1},"swift":{"max_file_size":-1}}"#,
            #"{"slo":{"max_manifest_segments":9223372036854775807},"tempurl":{"allowed_digests":[]}}"#,
        ]
        try await HostileInput("swift-documents", examples, words: ["\"bytes\":", "last_modified", "\"size\":"]).attack
        { bytes in
            let decoder = JSONDecoder()
            for entry in (try? decoder.decode([ListingEntry].self, from: Data(bytes))) ?? [] { _ = entry.modifiedAt }
            _ = try? decoder.decode([ManifestEntry].self, from: Data(bytes))
            if let info = try? decoder.decode(ServerInfo.self, from: Data(bytes)) {
                let plan = SegmentPlan(segmentSize: 1 << 20, maxSegments: info.maxSegments, byteCount: 1 << 40)
                try hold(plan.size(of: 3) > 0, "a segment has no bytes")
                let unsized = SegmentPlan(segmentSize: 1 << 20, maxSegments: info.maxSegments, byteCount: nil)
                try hold(unsized.size(of: 999) > 0, "a segment has no bytes")
                _ = info.temporaryURLDigest
            }
            let record = try await UploadRecord(Kept(String(decoding: bytes, as: UTF8.self)))
            try hold(record.byteCount >= 0, "an upload has \(record.byteCount) bytes")
            _ = record.tag
        }
    }

    @Test func `conversations`() async throws {
        let login: KeyValuePairs = [
            "X-Storage-Url": "URL/v1/a", "X-Auth-Token": "t", "X-Trans-Id": "x", "Content-Type": "application/json",
            "Etag": "\"x\"", "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        ]
        let server = try HostileServer.http()
        let examples = [200, 206, 404, 503].map { answer($0, login, Self.listing).replacing("URL", with: server.url) }
        let target = HostileInput(
            "swift-conversations",
            examples,
            words: ["\"name\":", "X-Timestamp: 1e400\r\n"],
            cost: 60
        )
        try await target.attack { bytes in
            // The address of this server, whatever its port was when the input was made.
            server.say(bytes)
            var configuration = CloudFilesStorage.Configuration(
                container: "files",
                auth: server.url + "/auth/v1.0",
                user: "u"
            )
            configuration.timeout = 2
            try await interrogate(CloudFilesStorage(configuration, password: Secret("hidden")))
        }
    }

    private final class Kept: UploadJournal {
        private let text: Mutex<String?>

        init(_ text: String) { self.text = Mutex(text) }

        func read() async -> String? { text.withLock { $0 } }

        func write(_ text: String) async { self.text.withLock { $0 = text } }
    }
}
