import Foundation
import QueuedStorageSchemas
import TestSupport
import Testing

@testable import QueuedStorageCLI

@Suite struct WatchTests {
    @Test func `once takes all, brings it there, and deletes the local copies if told`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("inbox/sub")
            try sandbox.write("one", to: "inbox/one.txt")
            try sandbox.write("two", to: "inbox/sub/new\nline")

            let outcome = try await sandbox.run(
                ["watch", "inbox", "--once", "--task", "TransferAndDelete"] + sandbox.place
            )

            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.lines.contains("taken one.txt"))
            #expect(outcome.lines.contains("transferred sub/new\\nline"))
            #expect(!sandbox.exists("inbox/one.txt"))
            #expect(!sandbox.exists("local/one.txt"))
            #expect(try sandbox.text("remote/one.txt") == "one")
            #expect(try sandbox.text("remote/sub/new\nline") == "two")
        }
    }

    @Test func `once leaves delayed files alone, and that is fine`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write("one", to: "inbox/one.txt")

            let outcome = try await sandbox.run(["watch", "inbox", "--once", "--delayed"] + sandbox.place)

            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(sandbox.exists("local/one.txt"))
            #expect(!sandbox.exists("remote/one.txt"))
        }
    }

    @Test func `once is 1 if a file failed`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("inbox/a")
            try sandbox.write("one", to: "inbox/a/b")
            try sandbox.write("in the way", to: "remote/a")

            let outcome = try await sandbox.run(["watch", "inbox", "--once", "--retries", "0"] + sandbox.place)

            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("1 file failed"))
        }
    }

    @Test func `once is 75 while a remote that was known is away`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)
            try sandbox.move("remote", to: "away")
            try sandbox.write("one", to: "inbox/one.txt")

            let offline = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)
            try sandbox.move("away", to: "remote")
            let retry = try await sandbox.run(["retry", "one.txt"] + sandbox.database)
            let online = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)

            #expect(offline.status == 75, "\(offline.errors)")
            #expect(retry.status == 0)
            #expect(online.status == 0, "\(online.errors)")
            #expect(sandbox.exists("remote/one.txt"))
        }
    }

    @Test func `a second watcher is 75`() async throws {
        try await Sandbox.with { sandbox in
            let first = try sandbox.start(["watch", "inbox"] + sandbox.place)
            #expect(await first.says("drop files into"))

            let second = try await sandbox.run(["watch", "inbox"] + sandbox.place)

            #expect(second.status == 75)
            #expect(second.errors.contains("is being watched by another process"))
            first.send(SIGTERM)
            #expect(await first.status() == 0)
        }
    }

    @Test func `a missing inbox is 3`() async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.run(["watch", "nowhere"] + sandbox.place)

            #expect(outcome.status == 3)
            #expect(outcome.errors.contains("mkdir -p"))
        }
    }

    @Test func `a dropped file is taken and transferred, and Ctrl-C drains`() async throws {
        try await Sandbox.with { sandbox in
            let watch = try sandbox.start(["watch", "inbox"] + sandbox.place)
            #expect(await watch.says("drop files into"))

            try sandbox.write("hello", to: "inbox/hello.txt")

            #expect(await watch.says("transferred hello.txt"))
            #expect(try sandbox.text("remote/hello.txt") == "hello")
            let status = try await sandbox.run(["status"] + sandbox.database)
            #expect(status.text.contains("worker: alive"))
            watch.send(SIGINT)
            #expect(await watch.status() == 0)
            #expect(watch.text.contains("stopping"))
        }
    }

    @Test(.timeLimit(.minutes(5))) func `a second Ctrl-C ends the process at once`() async {
        await #expect(processExitsWith: .exitCode(130)) {
            let interruption = Interruption()
            try await interruption.listen()
            interruption.onStop { kill(getpid(), SIGINT) }
            kill(getpid(), SIGINT)
            try await Task.sleep(for: .seconds(60))
        }
    }

    @Test func `an inbox in the local directory is 3`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("local/inbox")

            let outcome = try await sandbox.run(["watch", "local/inbox"] + sandbox.place)

            #expect(outcome.status == 3)
        }
    }

    @Test(arguments: [
        (["--local", "local", "--remote", "remote", "--database", "inbox/q.sqlite"], "database"),
        (["--local", "inbox", "--remote", "remote", "--database", "q.sqlite"], "local"),
        (["--local", "local", "--remote", "inbox/in", "--database", "q.sqlite"], "remote"),
    ])
    func `an inbox that holds something of ours is refused, and nothing is made in it`(
        _ place: [String],
        _ role: String
    ) async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("inbox/in")

            let outcome = try await sandbox.run(["watch", "inbox", "--once"] + place)

            #expect(outcome.status == 3)
            #expect(outcome.errors.contains(role), "\(outcome.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.path)/inbox") == ["in"])
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test func `run refuses a drop folder with the database in it before that is made`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                """
                database: inbox/q.sqlite
                storages:
                  a: {local: local, remote: remote}
                dropFolders:
                  i: {path: inbox}
                """,
                to: "qstore.yaml"
            )

            let outcome = try await sandbox.run(["run"])

            #expect(outcome.status == 3)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.path)/inbox") == [])
        }
    }

    @Test func `a file dropped below the name of a file lies in quarantine, with the reason`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "e"] + sandbox.place)
            try sandbox.makeDirectory("inbox/e")
            try sandbox.write("below", to: "inbox/e/g")

            let outcome = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)
            let quarantine = try await sandbox.run(["quarantine", "ls"] + sandbox.database)

            #expect(outcome.status == 1, "\(outcome.errors)")
            #expect(quarantine.text.contains("e/g"), "\(quarantine.text)")
            #expect(quarantine.text.contains("is a file"), "\(quarantine.text)")
            #expect(try await sandbox.run(["files"] + sandbox.database).lines.count == 2)
        }
    }

    @Test func `waiting for nothing warns of nothing`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)
            _ = try await sandbox.run(["worker", "--once"] + sandbox.place)

            let outcome = try await sandbox.run(["transfer", "--all", "--wait"] + sandbox.database)

            #expect(outcome.status == 0)
            #expect(!outcome.errors.contains("no worker is alive"), "\(outcome.errors)")
        }
    }

    @Test func `waiting for a transfer ends with it, or with the time`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a", "--delayed"] + sandbox.place)
            let late = try await sandbox.run(["transfer", "a", "--wait", "--timeout", "1ms"] + sandbox.database)
            let worker = try sandbox.start(["worker"] + sandbox.place)

            let done = try await sandbox.run(["transfer", "a", "--wait"] + sandbox.database)

            #expect(late.status == 75)
            #expect(done.status == 0)
            #expect(sandbox.exists("remote/a"))
            worker.send(SIGTERM)
            #expect(await worker.status() == 0)
        }
    }

    @Test func `a sidecar is kept with its file`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                """
                database: q.sqlite
                storages:
                  a:
                    local: local
                    remote: remote
                dropFolders:
                  one:
                    path: inbox
                    sidecar: required

                """,
                to: "qstore.yaml"
            )
            let run = try sandbox.start(["run"])
            try sandbox.write(#"{"title": "Sunset"}"#, to: "inbox/x.jpg.meta.json")
            try sandbox.write("jpg", to: "inbox/x.jpg")
            #expect(await run.says("transferred x.jpg"))
            run.send(SIGTERM)
            _ = await run.status()

            let files = try await sandbox.run(["files", "--json"])
            let metadata = try await sandbox.shell(
                "python3 -c \"import sqlite3; print(sqlite3.connect('q.sqlite').execute("
                    + "'SELECT metadata FROM ingestedFile').fetchall())\""
            )

            #expect(files.text.contains(#""owner":{"model":"ingestedFile""#))
            #expect(try await SchemaCheck.complaints(about: files.lines, by: Schemas.files, sandbox) == "")
            #expect(metadata.text.contains("Sunset"))
        }
    }

    @Test func `what a killed watcher had is taken up by the next`() async throws {
        try await Sandbox.with { sandbox in
            let watch = try sandbox.start(["watch", "inbox"] + sandbox.place)
            #expect(await watch.says("drop files into"))
            for number in 0..<50 { try sandbox.write("\(number)", to: "inbox/\(number).txt") }
            #expect(await watch.says("taken"))

            watch.send(SIGKILL)
            _ = await watch.status()
            let next = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)

            #expect(next.status == 0, "\(next.errors)")
            for number in 0..<50 { #expect(try sandbox.text("remote/\(number).txt") == "\(number)") }
            let list = try await sandbox.run(["ls"] + sandbox.database)
            #expect(list.lines.count == 50)
        }
    }

    @Test func `run serves all drop folders of a configuration`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("second")
            try sandbox.write(
                """
                database: q.sqlite
                storages:
                  a:
                    local: local
                    remote: remote
                dropFolders:
                  one:
                    path: inbox
                  two:
                    path: second
                    exclude: ["*.log"]

                """,
                to: "qstore.yaml"
            )
            let run = try sandbox.start(["run"])
            try sandbox.write("1", to: "inbox/1")
            try sandbox.write("2", to: "second/2")

            #expect(await run.says("transferred 1"))
            #expect(await run.says("transferred 2"))
            run.send(SIGTERM)
            #expect(await run.status() == 0)
        }
    }

    @Test func `a skipped file lies in quarantine, and can be seen, retried and removed`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                """
                database: q.sqlite
                storages:
                  a:
                    local: local
                    remote: remote
                dropFolders:
                  one:
                    path: inbox
                    onCollision: skip

                """,
                to: "qstore.yaml"
            )
            _ = try await sandbox.run(["save", "x.txt"])
            let run = try sandbox.start(["run"])
            try sandbox.write("again", to: "inbox/x.txt")
            #expect(await run.says("quarantined x.txt"))
            run.send(SIGTERM)
            _ = await run.status()

            let list = try await sandbox.run(["quarantine", "ls", "--json"])
            let status = try await sandbox.run(["status", "--json"])
            let retry = try await sandbox.run(["quarantine", "retry", "x.txt", "--inbox", "inbox"])

            #expect(list.lines.count == 1)
            #expect(try await SchemaCheck.complaints(about: list.lines, by: Schemas.quarantine, sandbox) == "")
            #expect(status.text.contains(#""quarantined":1"#))
            #expect(retry.status == 0)
            #expect(try sandbox.text("inbox/x.txt") == "again")
            let second = try sandbox.start(["run"])
            #expect(await second.says("quarantined x.txt"))
            second.send(SIGTERM)
            _ = await second.status()
            #expect(try await sandbox.run(["quarantine", "rm", "--all"]).status == 0)
            #expect(try await sandbox.run(["quarantine"]).text == "")
            #expect(try await sandbox.run(["quarantine", "rm", "x.txt"]).status == 1)
        }
    }
}
