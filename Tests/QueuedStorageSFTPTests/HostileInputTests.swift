import Glibc
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageSFTP

/// What an SFTP server and `ssh` can say, and what a tampered catalog can say about uploads.
@Suite(.serialized) struct HostileInputTests {
    private static func number(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }
    private static func string(_ text: String) -> [UInt8] { number(UInt32(text.utf8.count)) + Array(text.utf8) }
    private static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        number(UInt32(body.count + 1)) + [type] + body
    }
    private static let attributes =
        number(0x8000_000F) + [UInt8](repeating: 0xFF, count: 8) + number(1) + number(2) + number(0o100644) + number(3)
        + number(4) + number(1) + string("a") + string("b")
    private static let packets: [[UInt8]] = [
        packet(
            PacketType.version,
            number(3) + string("fsync@openssh.com") + string("1") + string("limits@openssh.com") + string("1")
        ),
        packet(PacketType.status, number(7) + number(2) + string("no such file") + string("en")),
        packet(PacketType.handle, number(7) + string("handle")),
        packet(PacketType.data, number(7) + string("0123456789")),
        packet(
            PacketType.name,
            number(7) + number(2) + string("a") + string("-rw-r--r-- a") + attributes + string("../up") + string("d")
                + number(0)
        ),
        packet(PacketType.attributes, number(7) + attributes),
        packet(PacketType.extendedReply, number(7) + [UInt8](repeating: 0xFF, count: 32)),
        packet(PacketType.name, number(7) + number(.max)),
        packet(PacketType.attributes, number(7) + number(0x8000_0000) + number(.max)),
        number(.max) + [PacketType.data], number(4 << 20) + [PacketType.data] + number(7) + number((4 << 20) - 9),
        [0, 0, 0, 0, 0],
        packet(PacketType.data, number(7) + number(.max)), Array("Welcome to this server!\n".utf8),
    ]

    @Test func `packets`() async throws {
        try await HostileInput("sftp-packets", examples: Self.packets).attack { bytes in
            if bytes.count > 4 {
                let body = bytes[5...].dropFirst(4)
                if case .names(let entries)? = try? Response(type: bytes[4], body: body) {
                    try hold(entries.count <= bytes.count, "\(bytes.count) bytes are \(entries.count) entries")
                }
                var features = (try? ServerFeatures(versionPacket: bytes[5...])) ?? ServerFeatures()
                try? features.takeLimits(body)
                let limits = [features.maxReadByteCount, features.maxWriteByteCount]
                try hold(limits.allSatisfy { (1...(256 << 10)).contains($0) }, "\(limits) bytes go into a packet")
            }
        }
    }

    @Test func `streams of packets`() async throws {
        let all = Self.packets.prefix(7).flatMap(\.self)
        try await HostileInput("sftp-streams", examples: Self.packets + [all], cost: 2).attack { bytes, random in
            var pair: [Int32] = [0, 0]
            guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { return }
            let (reader, writer) = (OpenFile(pair[0]), OpenFile(pair[1]))
            _ = fcntl(reader.descriptor, F_SETFL, O_NONBLOCK)
            var inbox = Inbox()
            var start = 0
            do {
                while start < bytes.count {
                    let count = min(bytes.count - start, Int.random(in: 1...20_000, using: &random))
                    let sent = bytes[start...].withUnsafeBytes {
                        send(writer.descriptor, $0.baseAddress, count, Int32(MSG_DONTWAIT))
                    }
                    start += max(0, sent)
                    while case .some = inbox.receive(from: reader.descriptor) {
                        while let packet = try inbox.next() {
                            _ = try? Response(type: packet.type, body: packet.body.dropFirst(4))
                        }
                    }
                }
            } catch is MalformedPacket {}
        }
    }

    @Test func `what ssh says, and what a catalog keeps of uploads`() async throws {
        let examples = [
            "1 12 0,1,ffffffff", "1 9223372036854775807 ", "1 9223372036854775807 0,0,0,0", "1 -5 ", "2 5 ",
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nOffending RSA key in /k:3\nHost key verification failed.",
            "a@x: Permission denied (publickey,password).", "ssh: connect to host x port 22: Connection refused",
        ]
        try await HostileInput("sftp-texts", examples, words: [" key in ", "Permission denied"]).attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            if let record = UploadRecord(text) {
                try hold(record.durableByteCount >= 0, "\(record.durableByteCount) bytes are durable")
                try hold(UploadRecord(record.text) == record, "\(text) was written, and read otherwise")
                let next = record.durableByteCount.addingReportingOverflow(UploadRecord.blockByteCount)
                try hold(!next.overflow, "no block can follow \(record.durableByteCount) bytes")
            }
            let lines = text.split(separator: "\n").map(String.init)
            _ = SSHFailure(place: "sftp://x", lines: lines, hasPassword: false, knownHosts: nil).error
        }
    }
}
