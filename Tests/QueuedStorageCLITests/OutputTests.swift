import Foundation
import QueuedStorageSchemas
import TestSupport
import Testing

@Suite struct OutputTests {
    private static let oddNames = ["new\nline", "tab\tand \"quotes\"", "right\u{202E}left", "ünï ☃", "-dash"]

    @Test func `names are escaped for people, and exact for machines`() async throws {
        try await Sandbox.with { sandbox in
            for name in Self.oddNames { _ = try await sandbox.run(["save"] + sandbox.place + ["--", name]) }

            let plain = try await sandbox.run(["ls"] + sandbox.database)
            let null = try await sandbox.run(["ls", "-0"] + sandbox.database)
            let json = try await sandbox.run(["ls", "--json"] + sandbox.database)

            #expect(plain.lines.contains("new\\nline"))
            #expect(plain.lines.contains("right\\u{202E}left"))
            #expect(plain.lines.count == Self.oddNames.count)
            #expect(Set(null.text.split(separator: "\0").map(String.init)) == Set(Self.oddNames))
            let names = try json.lines.map {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))["name"]
            }
            #expect(Set(names) == Set(Self.oddNames))
            #expect(try await SchemaCheck.complaints(about: json.lines, by: Schemas.list, sandbox) == "")
        }
    }

    @Test func `files, events and status are what their schemas say`() async throws {
        try await Sandbox.with { sandbox in
            for name in Self.oddNames { _ = try await sandbox.run(["save"] + sandbox.place + ["--", name]) }
            _ = try await sandbox.run(["worker", "--once"] + sandbox.place)
            _ = try await sandbox.run(["save", "x/y"] + sandbox.place)
            try sandbox.write("in the way", to: "remote/x")
            _ = try await sandbox.run(["worker", "--once", "--retries", "0"] + sandbox.place)
            _ = try await sandbox.run(["save", "later", "--delayed"] + sandbox.place)
            _ = try await sandbox.run(["rm"] + sandbox.place + ["--", "-dash"])

            let files = try await sandbox.run(["files", "--json"] + sandbox.database)
            let events = try await sandbox.run(["events", "--json"] + sandbox.database)
            let status = try await sandbox.run(["status", "--json"] + sandbox.database)

            #expect(files.lines.count == Self.oddNames.count + 1)
            #expect(try await SchemaCheck.complaints(about: files.lines, by: Schemas.files, sandbox) == "")
            #expect(events.lines.allSatisfy { $0.hasPrefix(#"{"type":"#) })
            for type in ["saved", "queued", "started", "transferred", "failed", "deleted"] {
                #expect(events.text.contains(#"{"type":"\#(type)""#), "\(type)")
            }
            #expect(try await SchemaCheck.complaints(about: events.lines, by: Schemas.event, sandbox) == "")
            #expect(status.lines.count == 1)
            #expect(try await SchemaCheck.complaints(about: status.lines, by: Schemas.status, sandbox) == "")
            #expect(
                status.text.contains(
                    #""counts":{"local":1,"queued":0,"transferring":0,"remote":4,"failed":1,"deleting":0}"#
                )
            )
        }
    }

    @Test func `events are followed, from any process`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)
            let events = try sandbox.start(["events", "--follow", "--json"] + sandbox.database)
            #expect(await events.says(#""name":"a""#))

            _ = try await sandbox.run(["save", "b"] + sandbox.place)

            #expect(await events.says(#""name":"b""#))
            events.send(SIGTERM)
            _ = await events.status()
        }
    }

    @Test func `the log is JSON if asked for`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "x/y"] + sandbox.place)
            try sandbox.write("in the way", to: "remote/x")

            let worker = try await sandbox.run(
                ["worker", "--once", "--log-format", "json", "--retries", "0"] + sandbox.place
            )

            let log = worker.errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("{") }
            #expect(!log.isEmpty)
            #expect(try await SchemaCheck.complaints(about: log, by: Schemas.log, sandbox) == "")
        }
    }

    @Test func `a terminal sees how far a long read is`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "big", "-"] + sandbox.place, input: Data(count: 8 << 20))

            // A machine in a container may have no terminals of its own; the test brings them along then.
            try sandbox.write(
                """
                test -e /dev/pts/ptmx || mount -t devpts devpts /dev/pts
                exec script -qec "$Q get big copy --local local --remote remote --database q.sqlite" /dev/null
                """,
                to: "on-a-terminal"
            )
            let mounts = ownMounts.map { "'\($0)'" }.joined(separator: " ")
            let outcome = try await sandbox.shell("\(mounts) sh on-a-terminal")

            #expect(outcome.status == 0)
            #expect(outcome.text.contains("8.4 MB of 8.4 MB"))
            #expect(try sandbox.read("copy").count == 8 << 20)
        }
    }
}
