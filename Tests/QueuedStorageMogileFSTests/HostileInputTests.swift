import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageMogileFS

/// What trackers can say.
@Suite(.serialized) struct HostileInputTests {
    private static let lines = [
        "OK fid=1&dev_count=2&devid_1=1&path_1=http%3A%2F%2F127.0.0.1%3A1%2Fx&devid_2=2&path_2=file%3A%2F%2F%2Fetc%2Fpasswd",
        "OK fid=1&length=5&key=a", "OK fid=1&length=-5", "OK fid=1&length=9223372036854775807",
        "OK key_count=3&key_1=a.txt&key_2=../up&key_3=%2Fetc%2Fpasswd&next_after=x",
        "OK key_count=99999999999999999999",
        "OK paths=2147483647&path1=http://127.0.0.1:1/", "ERR unknown_key unknown+key", "ERR ", "OK", "OK &&==&%zz",
        "2.73",
        "OK paths=1&path1=file:///etc/passwd&fid=1&length=5",
    ]

    @Test func `lines`() async throws {
        try await HostileInput("mogilefs-lines", Self.lines, words: ["OK ", "ERR ", "&key_1=", "length="]).attack {
            bytes in
            _ = TrackerAnswer(bytes)
            _ = TrackerVersion(bytes)
            if let address = TrackerAddress(String(decoding: bytes, as: UTF8.self)) {
                try hold(TrackerAddress(address.description) == address, "\(address) is another one, printed")
            }
        }
    }

    @Test func `conversations`() async throws {
        let full = "OK key_count=1000" + (1...1000).map { "&key_\($0)=f\($0)" }.joined() + "\r\n"
        let server = try HostileServer { connection in _ = try connection.line() }
        let target = HostileInput(
            "mogilefs-conversations",
            Self.lines.map { $0 + "\r\n" } + [full],
            words: ["&length="],
            cost: 40
        )
        try await target.attack { bytes in
            server.say(bytes)
            var configuration = MogileFSStorage.Configuration(trackers: ["127.0.0.1:\(server.port)"], domain: "d")
            configuration.timeout = 2
            try await interrogate(MogileFSStorage(configuration))
        }
    }
}
