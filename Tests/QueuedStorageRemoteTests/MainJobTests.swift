import Foundation
import TestRemotes
import TestSupport
import Testing

/// The whole job through each remote, by the command that operators use.
@Suite(.timeLimit(.minutes(10))) struct MainJobTests {
    @Test(arguments: RealRemote.allCases)
    func `what is dropped comes to the remote, is proven, deleted here, and read from there`(
        _ remote: RealRemote
    ) async throws {
        try await Bench.with(remote) { bench in
            let files = [
                "\(bench.prefix)-ein Gruß.txt": Data("hello".utf8),
                "\(bench.prefix)-large.bin": Data(pattern(20 << 20)),
                "\(bench.prefix)-empty": Data(),
                "\(bench.prefix)/deep/er.bin": Data(pattern(100_000)),
            ]
            try bench.sandbox.makeDirectory("inbox/\(bench.prefix)/deep")
            for (name, content) in files { try bench.sandbox.write(content, to: "inbox/\(name)") }

            let watched = try await bench.run(
                ["watch", "inbox", "--once", "--task", "TransferAndDelete", "--durability-grace", "0s"]
            )

            #expect(watched.status == 0, "\(watched.text) \(watched.errors)")
            for (name, content) in files { try await bench.expectMoved(name, content) }
            let events = try await bench.ask(["events", "--json"])
            #expect(events.lines.count { $0.contains("\"type\":\"transferred\"") } == files.count)

            for name in files.keys { #expect(try await bench.run(["rm", name]).status == 0) }
            for name in files.keys { #expect(try await bench.run(["get", name]).status == 1) }
        }
    }

    @Test(arguments: RealRemote.allCases.filter { $0 != .sqlite })
    func `a worker that is killed amid a transfer loses nothing`(_ remote: RealRemote) async throws {
        let proxy = try await remote.proxy()
        try await Bench.with(remote, through: proxy) { bench in
            let name = "\(bench.prefix)-large.bin"
            let content = Data(pattern(40 << 20))
            try bench.sandbox.write(content, to: "large.bin")
            let saved = try await bench.run(["save", name, "large.bin", "--task", "TransferAndDelete"])
            #expect(saved.status == 0, "\(saved.errors)")
            proxy?.stall(afterSending: 30 << 20)

            let follower = try bench.follow()
            let worker = try bench.start(["worker", "--durability-grace", "0s"])
            if let proxy { await proxy.stalled() } else { #expect(await follower.says("started", not: "failed")) }
            worker.send(SIGKILL)
            #expect(await worker.status() != 0)
            let sent = proxy?.sentByteCount ?? 0
            // What the dead one had sent to the proxy mustn't come later.
            proxy?.cutNow()
            proxy?.heal()
            let next = try await bench.run(["worker", "--once", "--durability-grace", "0s"])

            #expect(next.status == 0, "\(next.text) \(next.errors)")
            if let proxy, remote.continuesUploads {
                // Some pieces were on their way; not all of what had arrived was sent again.
                #expect(proxy.sentByteCount < sent + (40 << 20) - (8 << 20), "\(sent), then \(proxy.sentByteCount)")
            }
            try await bench.expectMoved(name, content)
            #expect(try await bench.run(["rm", name]).status == 0)
        }
    }

    @Test func `a worker that is killed amid a transfer to SQLite goes on where it was`() async throws {
        try await Bench.with(.sqlite) { bench in
            let content = Data(pattern(40 << 20))
            try bench.sandbox.write("the first one makes the tables", to: "small.txt")
            try bench.sandbox.write(content, to: "large.bin")
            #expect(try await bench.run(["save", "small.txt", "small.txt"]).status == 0)
            #expect(try await bench.run(["worker", "--once"]).status == 0)
            let saved = try await bench.run(["save", "large.bin", "large.bin", "--task", "TransferAndDelete"])
            #expect(saved.status == 0, "\(saved.errors)")

            let writer = try StrangeWriter("\(bench.sandbox.path)/remote.sqlite", after: 20)
            let worker = try bench.start(["worker", "--durability-grace", "0s"])
            let held = try #require(await writer.holdsBack())
            worker.send(SIGKILL)
            #expect(await worker.status() != 0)
            await writer.letGo()
            let next = try await bench.run(["worker", "--once", "--durability-grace", "0s"])

            #expect(next.status == 0, "\(next.text) \(next.errors)")
            let first = await writer.firstChunkSince()
            #expect(first == held)
            try await bench.expectMoved("large.bin", content)
        }
    }

    @Test(arguments: RealRemote.allCases.filter { $0.script != nil && $0.survivesEnd })
    func `a server that ends amid a transfer and comes back gets the file`(_ remote: RealRemote) async throws {
        let server = try await TestServer.start(try #require(remote.script))
        let proxy = try await remote.proxy(to: server)
        try await Bench.with(remote, on: server, through: proxy) { bench in
            let name = "\(bench.prefix)-large.bin"
            let content = Data(pattern(40 << 20))
            try bench.sandbox.write(content, to: "large.bin")
            _ = try await bench.run(["save", name, "large.bin", "--task", "TransferAndDelete"])
            proxy?.stall(afterSending: 20 << 20)
            let follower = try bench.follow()
            let worker = try bench.start(["worker", "--retries", "unlimited", "--durability-grace", "0s"])
            if let proxy { await proxy.stalled() } else { #expect(await follower.says("started", not: "failed")) }

            try await server.stop()
            proxy?.cutNow()
            proxy?.heal()
            try await server.startAgain()

            #expect(await worker.says("transferred \(name)", not: "failed \(name)"), "\(worker.text)")
            worker.send(SIGTERM)
            #expect(await worker.status() == 0, "\(worker.text)")
            try await bench.expectMoved(name, content)
        }
    }
}

extension RealRemote {
    /// Whether a transfer goes on where another process ended; rclone drops what it had of a connection that is cut.
    var continuesUploads: Bool { ![.webDAV, .couchDB, .mogileFS, .sftpWithPassword].contains(self) }
}
