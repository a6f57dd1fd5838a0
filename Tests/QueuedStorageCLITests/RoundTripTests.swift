import Foundation
import QueuedStorageSchemas
import TestSupport
import Testing

@Suite struct RoundTripTests {
    /// All 256 bytes, many times, more than a buffer.
    private static let bytes = Data((0..<(600 << 10)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })

    @Test func `what is saved from the standard input comes back, before and after the transfer`() async throws {
        try await Sandbox.with { sandbox in
            let saved = try await sandbox.run(["save", "a/b.bin", "-"] + sandbox.place, input: Self.bytes)
            let before = try await sandbox.run(["get", "a/b.bin", "-"] + sandbox.place)
            let worker = try await sandbox.run(["worker", "--once"] + sandbox.place)
            let after = try await sandbox.run(["get", "a/b.bin"] + sandbox.place)
            let file = try await sandbox.run(["get", "a/b.bin", "copy.bin"] + sandbox.place)
            let folder = try await sandbox.run(["get", "a/b.bin", "inbox"] + sandbox.place)

            #expect(saved.text == "a/b.bin\n")
            #expect(before.output == Self.bytes)
            #expect(worker.status == 0, "\(worker.errors)")
            #expect(worker.text == "transferred a/b.bin\n")
            #expect(after.output == Self.bytes)
            #expect(file.status == 0)
            #expect(try sandbox.read("copy.bin") == Self.bytes)
            #expect(folder.status == 0)
            #expect(try sandbox.read("inbox/b.bin") == Self.bytes)
            #expect(try sandbox.read("remote/a/b.bin") == Self.bytes)
        }
    }

    @Test func `a taken name gives way, or its file does`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write("one", to: "1")
            try sandbox.write("two", to: "2")
            _ = try await sandbox.run(["save", "a.txt", "1"] + sandbox.place)

            let other = try await sandbox.run(["save", "a.txt", "2", "--json"] + sandbox.place)
            let replaced = try await sandbox.run(["save", "a.txt", "2", "--replace"] + sandbox.place)
            let content = try await sandbox.run(["get", "a.txt"] + sandbox.place)

            #expect(try await SchemaCheck.complaints(about: other.lines, by: Schemas.save, sandbox) == "")
            #expect(!other.text.contains(#""name":"a.txt""#))
            #expect(replaced.text == "a.txt\n")
            #expect(content.text == "two")
        }
    }

    @Test func `a destination that can't be finished stays as it was`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a", "-"] + sandbox.place, input: Data("new".utf8))
            try sandbox.write("old", to: "copy")

            let missing = try await sandbox.run(["get", "b", "copy"] + sandbox.place)
            let nowhere = try await sandbox.run(["get", "a", "no/such/dir"] + sandbox.place)
            let device = try await sandbox.run(["get", "a", "/dev/null"] + sandbox.place)

            #expect(missing.status == 1)
            #expect(try sandbox.text("copy") == "old")
            #expect(nowhere.status == 1)
            #expect(nowhere.errors.contains("No such file"))
            #expect(device.status == 0)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: sandbox.path).allSatisfy { !$0.hasSuffix(".part") }
            )
        }
    }

    @Test func `a deleted file is gone on both sides, without a worker`() async throws {
        try await Sandbox.with { sandbox in
            for name in ["a", "b"] { _ = try await sandbox.run(["save", name] + sandbox.place) }
            _ = try await sandbox.run(["worker", "--once"] + sandbox.place)
            _ = try await sandbox.run(["save", "c"] + sandbox.place)

            let outcome = try await sandbox.run(["rm", "a"] + sandbox.place)
            let list = try await sandbox.run(["ls"] + sandbox.database)
            let files = try await sandbox.run(["files", "--state", "queued", "--json"] + sandbox.database)

            #expect(outcome.status == 0)
            #expect(outcome.errors.isEmpty)
            #expect(!sandbox.exists("remote/a"))
            #expect(!sandbox.exists("local/a"))
            #expect(list.text == "b\nc\n")
            #expect(files.lines.count == 1, "the transfer of c was not asked for")
        }
    }

    @Test func `a delayed file waits for transfer, whose task wins`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a", "--delayed"] + sandbox.place)
            let idle = try await sandbox.run(["worker", "--once"] + sandbox.place)
            let drain = try await sandbox.run(["drain"] + sandbox.database)
            #expect(idle.status == 0)
            #expect(drain.status == 0)
            #expect(!sandbox.exists("remote/a"))

            let transfer = try await sandbox.run(
                ["transfer", "--all", "--task", "TransferAndDelete"] + sandbox.database
            )
            let worker = try await sandbox.run(["worker", "--once"] + sandbox.place)

            #expect(transfer.status == 0)
            #expect(worker.status == 0)
            #expect(sandbox.exists("remote/a"))
            #expect(!sandbox.exists("local/a"))
        }
    }

    @Test func `a cancelled transfer isn't done`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)

            let cancel = try await sandbox.run(["cancel", "a"] + sandbox.database)
            let again = try await sandbox.run(["cancel", "a"] + sandbox.database)
            _ = try await sandbox.run(["worker", "--once"] + sandbox.place)

            #expect(cancel.status == 0)
            #expect(again.status == 1)
            #expect(!sandbox.exists("remote/a"))
        }
    }

    @Test func `a paused storage rests, and status says so`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)

            let pause = try await sandbox.run(["pause", "default"] + sandbox.database)
            let status = try await sandbox.run(["status"] + sandbox.database)
            let idle = try await sandbox.run(["worker", "--once"] + sandbox.place)
            let resume = try await sandbox.run(["resume", "default"] + sandbox.database)
            let worker = try await sandbox.run(["worker", "--once"] + sandbox.place)

            #expect(pause.status == 0)
            #expect(status.text.contains("paused: default"))
            #expect(status.text.contains("worker: none is alive"))
            #expect(idle.status == 75)
            #expect(resume.status == 0)
            #expect(worker.status == 0)
            #expect(sandbox.exists("remote/a"))
        }
    }

    @Test func `an address is one of the side that serves`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a b"] + sandbox.place)

            let before = try await sandbox.run(["url", "a b"] + sandbox.place)
            _ = try await sandbox.run(["worker", "--once"] + sandbox.place)
            let after = try await sandbox.run(["url", "a b"] + sandbox.place)

            #expect(before.text == "file://\(sandbox.path)/local/a%20b\n")
            #expect(after.text == "file://\(sandbox.path)/remote/a%20b\n")
        }
    }

    @Test func `a failed transfer is listed with its reason, and retried`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a/b"] + sandbox.place)
            // A file where a directory is wanted.
            try sandbox.write("in the way", to: "remote/a")

            let worker = try await sandbox.run(["worker", "--once", "--retries", "0"] + sandbox.place)
            let files = try await sandbox.run(["files", "--state", "failed"] + sandbox.database)
            let drain = try await sandbox.run(["drain"] + sandbox.database)
            try FileManager.default.removeItem(atPath: "\(sandbox.path)/remote/a")
            let retry = try await sandbox.run(["retry", "--failed"] + sandbox.database)
            let second = try await sandbox.run(["worker", "--once"] + sandbox.place)

            #expect(worker.status == 1)
            #expect(files.text.contains("a/b"))
            #expect(drain.status == 1)
            #expect(retry.status == 0)
            #expect(second.status == 0, "\(second.errors)")
            #expect(sandbox.exists("remote/a/b"))
        }
    }

    @Test func `a flag wins over what the configuration says of failures`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                "database: q.sqlite\nstorages:\n  a:\n    local: local\n    remote: remote\n    retries: 5\n",
                to: "qstore.yaml"
            )
            // Bytes that aren't those that were saved are a failure that a retry could mend.
            _ = try await sandbox.run(["save", "x", "--config", "qstore.yaml"])
            try sandbox.write("other bytes than were saved", to: "local/x")

            let patient = try await sandbox.run(["worker", "--once", "--config", "qstore.yaml", "--retry-delay", "0s"])
            _ = try await sandbox.run(["retry", "--failed", "--config", "qstore.yaml"])
            let worker = try await sandbox.run(["worker", "--once", "--config", "qstore.yaml", "--retries", "0"])
            let files = try await sandbox.run(["files", "--json", "--config", "qstore.yaml"])
            let wrong = try await sandbox.run(["worker", "--config", "qstore.yaml", "--local", "local"])

            #expect(patient.status == 1, "\(patient.errors)")
            #expect(worker.status == 1, "\(worker.errors)")
            #expect(files.text.contains("\"attempts\":1,"), "\(files.text)")
            #expect(wrong.status == 2)
        }
    }
}
