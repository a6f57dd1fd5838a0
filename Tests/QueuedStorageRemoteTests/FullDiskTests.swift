import Foundation
import TestRemotes
import TestSupport
import Testing

/// A server that has no room left; one after the other, as some are one server.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FullDiskTests {
    @Test(arguments: RealRemote.allCases.filter(\.hasLittleRoom))
    func `a server that is full gets the file once it has room`(_ remote: RealRemote) async throws {
        let server = try #require(try await remote.server)
        try await server.obey("fill 3")
        try await Bench.with(remote, isSmall: true) { bench in
            let name = "\(bench.prefix)-large.bin"
            let content = Data(pattern(12 << 20))
            try bench.sandbox.write(content, to: "large.bin")
            _ = try await bench.run(["save", name, "large.bin", "--task", "TransferAndDelete"])

            let failed = try await bench.run(["worker", "--once", "--retries", "0", "--durability-grace", "0s"])
            let row = try await bench.file(name)
            let local = try await bench.run(["get", name])
            try await server.obey("make-room")
            let retried = try await bench.ask(["retry", "--failed"])
            let next = try await bench.run(["worker", "--once", "--durability-grace", "0s"])

            #expect(failed.status == 1, "\(failed.text) \(failed.errors)")
            #expect(row["state"] as? String == "failed")
            let error = row["error"] as? String ?? ""
            #expect(error.contains(name) && error.contains(remote.saysOfFullness), "\(error)")
            #expect(local.output == content, "\(local.errors)")
            #expect(retried.status == 0 && next.status == 0, "\(retried.errors) \(next.text) \(next.errors)")
            // Had there been half a file under its name, the whole one would have got another.
            let moved = try await bench.file(name)
            #expect(moved["remoteName"] as? String == name, "\(moved)")
            try await bench.expectMoved(name, content)
            #expect(try await bench.run(["rm", name]).status == 0)
        }
    }
}

extension RealRemote {
    /// Whether a part of the server has a limit that tests can reach: a file system of its own, or a quota.
    var hasLittleRoom: Bool {
        [.s3OnSwift, .cloudFiles, .sftp, .ftp, .webDAV, .mogileFS, .postgres].contains(self)
    }

    /// What the server says of it, or we do; nginx tells nobody but its log why it failed.
    fileprivate var saysOfFullness: String {
        switch self {
        case .webDAV, .mogileFS: "500"
        case .postgres: "no space"
        default: "room"
        }
    }
}
