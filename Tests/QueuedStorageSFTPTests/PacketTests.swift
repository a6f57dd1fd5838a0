import Glibc
import QueuedStorageCore
@testable import QueuedStorageSFTP
import TestSupport
import Testing

@Suite struct `SFTP packets` {
    @Test func `look as the draft has them`() {
        var request = Request(PacketType.open)
        request.add("a/é".utf8)
        request.add(OpenFlags([.write, .create, .exclusive]).rawValue)
        request.add(
            FileAttributes(
                size: 1 << 33,
                owner: .init(user: 1, group: 2),
                mode: 0o640,
                times: .init(accessed: 3, modified: 4)
            )
        )

        request.finish(id: 0x0102_0304)

        // Source: draft-ietf-secsh-filexfer-02, sections 3, 5 and 6.3.
        let body: [UInt8] =
            [3, 1, 2, 3, 4, 0, 0, 0, 4] + Array("a/é".utf8) + [0, 0, 0, 0x2A, 0, 0, 0, 15]
            + [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0xA0, 0, 0, 0, 3, 0, 0, 0, 4]
        #expect(request.head == [0, 0, 0, UInt8(body.count)] + body)
    }

    @Test func `are cut out of a stream, however it comes`() throws {
        let data = pattern(100_000)
        let packets: [[UInt8]] = [
            packet(PacketType.status, number(7) + number(2) + string("no") + string("")),
            packet(PacketType.data, number(8) + number(UInt32(data.count)) + data),
            packet(PacketType.data, number(9) + number(3) + [1, 2, 3]),
            packet(PacketType.name, number(10) + number(1) + string("x\n") + string("l") + number(0)),
        ]
        for size in [1, 3, 1000, 9000, 1 << 20] {
            var pair: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
            let (reader, writer) = (OpenFile(pair[0]), OpenFile(pair[1]))
            _ = fcntl(reader.descriptor, F_SETFL, O_NONBLOCK)
            var inbox = Inbox()
            var received: [Inbox.Packet] = []
            let bytes = packets.flatMap(\.self)
            // Small pieces around the borders, large ones within the file's bytes.
            var start = 0
            while start < bytes.count {
                let end = min(start + (size < 100 && start > 200 && start < 99_000 ? 5000 : size), bytes.count)
                var sent = start
                while sent < end {
                    let count = bytes[sent..<end].withUnsafeBytes {
                        send(writer.descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
                    }
                    if count > 0 { sent += count }
                    while case .some = inbox.receive(from: reader.descriptor) {
                        while let packet = try inbox.next() { received.append(packet) }
                    }
                }
                start = end
            }

            #expect(received.count == 4)
            #expect(received.map(\.type) == [PacketType.status, PacketType.data, PacketType.data, PacketType.name])
            #expect(received[1].data == data)
            #expect(received[2].data == [1, 2, 3])
            guard case .names(let names) = try Response(type: received[3].type, body: received[3].body.dropFirst(4))
            else {
                Issue.record("no names")
                return
            }
            #expect(names.map { Array($0.name) } == [Array("x\n".utf8)])
        }
    }

    @Test(arguments: [[], [0], [0, 0, 0, 1], [0, 0, 0, 9, 0, 0, 0, 1]] as [[UInt8]])
    func `that lie about their length are refused`(_ body: [UInt8]) {
        #expect(throws: MalformedPacket.self) { try Response(type: PacketType.handle, body: body[...]) }
        #expect(throws: MalformedPacket.self) { try Response(type: PacketType.name, body: ([0, 0, 0, 3] + body)[...]) }
        #expect(throws: MalformedPacket.self) { try Response(type: 77, body: body[...]) }
    }

    @Test func `that are endless are refused`() throws {
        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let (reader, writer) = (OpenFile(pair[0]), OpenFile(pair[1]))
        let text = Array("Welcome to this server!\n".utf8)
        #expect(write(writer.descriptor, text, text.count) == text.count)
        var inbox = Inbox()
        _ = inbox.receive(from: reader.descriptor)

        let error = #expect(throws: MalformedPacket.self) { try inbox.next() }

        #expect(error?.description.contains("Welcome to this server!") == true)
    }

    private func number(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }

    private func string(_ text: String) -> [UInt8] { number(UInt32(text.utf8.count)) + Array(text.utf8) }

    private func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { number(UInt32(body.count + 1)) + [type] + body }
}

@Suite struct `What ssh says of a failure` {
    @Test(arguments: [
        (["ssh: Could not resolve hostname x: Name or service not known"], StorageError.Code.offline),
        (["ssh: connect to host x port 22: Connection refused"], .offline),
        (["ssh: connect to host x port 22: No route to host"], .offline),
        (["kex_exchange_identification: read: Connection reset by peer"], .offline),
        (["a@x: Permission denied (publickey,password)."], .denied),
        (["Received disconnect from x: Too many authentication failures"], .denied),
        (
            [
                "No ED25519 host key is known for x and you have requested strict checking.",
                "Host key verification failed.",
            ], .invalidConfiguration
        ),
        (
            [
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", "Offending RSA key in /k:3",
                "Host key verification failed.",
            ], .denied
        ),
        (["subsystem request failed on channel 0"], .invalidConfiguration),
        (["Bad owner or permissions on /root/.ssh/config"], .invalidConfiguration),
        (
            ["/c: line 1: Bad configuration option: colour", "/c: terminating, 1 bad configuration options"],
            .invalidConfiguration
        ),
        (["Unable to negotiate with x port 22: no matching host key type found."], .invalidConfiguration),
        ([], .offline),
    ])
    func `has a code`(_ lines: [String], _ code: StorageError.Code) {
        let failure = SSHFailure(place: "sftp://x", lines: lines, hasPassword: false, knownHosts: nil)

        #expect(failure.error.code == code, "\(failure.error)")
        #expect(failure.error.message.contains("sftp://x"))
    }
}

@Suite struct `Records of uploads` {
    @Test func `are read as they were written`() {
        var record = UploadRecord(durableByteCount: 12)
        record.sums = [0, 1, .max]

        #expect(record.text == "1 12 0,1,ffffffff")
        #expect(UploadRecord(record.text) == record)
        #expect(UploadRecord("1 5 ") == UploadRecord(durableByteCount: 5))
    }

    @Test(arguments: ["", "1", "2 5 ", "1 -5 ", "1 x ", "1 5 g", "1 5  "])
    func `of another form are none`(_ text: String) { #expect(UploadRecord(text) == nil) }
}
