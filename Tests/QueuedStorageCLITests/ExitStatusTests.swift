import Foundation
import TestSupport
import Testing

@Suite struct ExitStatusTests {
    @Test func `help is no error, and shows examples`() async throws {
        try await Sandbox.with { sandbox in
            for command in [
                ["--help"], ["watch", "--help"], ["run", "--help"], ["worker", "--help"], ["save", "--help"],
                ["quarantine", "ls", "--help"], ["config", "check", "--help"],
            ] {
                let outcome = try await sandbox.run(command)

                #expect(outcome.status == 0)
                #expect(outcome.text.contains("xample") || command == ["--help"])
            }
        }
    }

    @Test(arguments: [
        ["files", "--bogus"], ["watch"], ["save"], ["frobnicate"], ["transfer", "--database", "q.sqlite"],
        ["retry", "a", "--failed", "--database", "q.sqlite"], ["ls", "-0", "--json", "--database", "q.sqlite"],
        ["files", "--config", "c.yaml", "--database", "q.sqlite"],
        ["files", "--state", "lost", "--database", "q.sqlite"],
        ["save", "a", "--config", "c.yaml", "--delayed"], ["save", "a", "--local", "local"],
        ["drain", "--timeout", "5", "--database", "q.sqlite"],
    ])
    func `wrong use is 2, in one line`(_ arguments: [String]) async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.run(arguments)

            #expect(outcome.status == 2)
            #expect(outcome.errors.hasPrefix("qstore: "))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `flags that a configuration says already are wrong use, also beside the one that is found`() async throws
    {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                "database: q.sqlite\nstorages:\n  a: {local: local, remote: remote}\n",
                to: "qstore.yaml"
            )
            for command in [["save", "x", "f", "--task", "Transfer"], ["watch", "inbox", "--once", "--delayed"]] {
                let outcome = try await sandbox.run(command)

                #expect(outcome.status == 2)
                #expect(outcome.errors.contains("qstore.yaml"), "\(outcome.errors)")
            }
        }
    }

    @Test(arguments: [
        (["run", "--workers", "0"], "from 1 to 1024"), (["worker", "--workers", "2000"], "from 1 to 1024"),
        (["drain", "--timeout", "abc"], "90s"), (["transfer", "a", "--wait", "--timeout", "5"], "90s"),
        (["save", "a", "--task", "Move"], "TransferAndDelete"), (["worker", "--retries", "some"], "unlimited"),
        (["events", "--since", "x"], "now"),
    ])
    func `a value that can't be is answered with what can`(_ arguments: [String], _ allowed: String) async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.run(arguments)

            #expect(outcome.status == 2)
            #expect(outcome.errors.contains(allowed), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
    }

    @Test func `a name that is no UTF-8 is 2, and nothing is saved`() async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.shell(
                "$Q save $'bad\\xff' --local local --remote remote --database q.sqlite < /dev/null"
            )

            #expect(outcome.status == 2)
            #expect(outcome.errors.contains("UTF-8"), "\(outcome.errors)")
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test(arguments: ["status", "files", "events", "drain", "ls"])
    func `a missing database is 3, and isn't made`(_ command: String) async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.run([command, "--database", "q.sqlite"])

            #expect(outcome.status == 3)
            #expect(outcome.errors.contains("there is no database"))
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test func `a missing directory is 3, with what to type`() async throws {
        try await Sandbox.with { sandbox in
            let outcome = try await sandbox.run(
                ["save", "a", "--local", "no such", "--remote", "remote", "--database", "q.sqlite"])

            #expect(outcome.status == 3)
            #expect(outcome.errors.contains("mkdir -p '\(sandbox.path)/no such'"))
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test func `a file that is no database is 3`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(String(repeating: "no database ", count: 1000), to: "q.sqlite")

            let outcome = try await sandbox.run(["files"] + sandbox.database)

            #expect(outcome.status == 3)
        }
    }

    @Test func `a database of newer software is 3, and stays as it is`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "x"] + sandbox.place)
            let newer = "INSERT INTO qstore_migration (version, appliedAt) VALUES (99, 0)"
            #expect(try await sandbox.sql(newer).status == 0)

            let listed = try await sandbox.run(["files"] + sandbox.database)
            let saved = try await sandbox.run(["save", "y"] + sandbox.place)

            for outcome in [listed, saved] {
                #expect(outcome.status == 3)
                #expect(outcome.errors.contains("newer"), "\(outcome.errors)")
                #expect(outcome.errors.split(separator: "\n").count == 1)
            }
            #expect(!sandbox.exists("local/y"))
        }
    }

    @Test func `a database that another process keeps locked is 75, and nothing is half saved`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "x"] + sandbox.place)
            let holder = try TestProcess(
                "/usr/bin/python3",
                [
                    "-c",
                    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE');"
                        + " print('locked', flush=True); sys.stdin.read()", "\(sandbox.path)/q.sqlite",
                ]
            )
            #expect(await holder.wait { $0.lines.first } == "locked")

            let saved = try await sandbox.run(["save", "y"] + sandbox.place)
            holder.send(SIGKILL)
            _ = await holder.end()
            let later = try await sandbox.run(["save", "y"] + sandbox.place)

            #expect(saved.status == 75, "\(saved.errors)")
            #expect(saved.errors.contains("q.sqlite"), "\(saved.errors)")
            #expect(later.text == "y\n")
        }
    }

    @Test func `other directories than the database knows are 3, until they are said to have moved`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)
            try sandbox.makeDirectory("other")
            let wrongLocal = ["--local", "other", "--remote", "remote", "--database", "q.sqlite"]
            let wrongRemote = ["--local", "local", "--remote", "other", "--database", "q.sqlite"]

            let local = try await sandbox.run(["save", "b"] + wrongLocal)
            let remote = try await sandbox.run(["worker", "--once"] + wrongRemote)
            let moved = try await sandbox.run(["worker", "--once", "--moved"] + wrongRemote)

            #expect(local.status == 3)
            #expect(local.errors.contains("--moved"))
            #expect(remote.status == 3)
            #expect(remote.errors.contains("--moved"))
            #expect(moved.status == 0)
            #expect(sandbox.exists("other/a"))
        }
    }

    @Test func `a local directory of another database is 3, and loses nothing`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)
            let place = ["--local", "local", "--remote", "remote", "--database", "q2.sqlite"]

            let save = try await sandbox.run(["save", "b"] + place)
            let worker = try await sandbox.run(["worker", "--once"] + place)
            let moved = try await sandbox.run(["save", "b", "--moved"] + place)

            #expect(save.status == 3)
            #expect(save.errors.contains("--moved"), "\(save.errors)")
            #expect(worker.status == 3)
            #expect(moved.status == 0, "\(moved.errors)")
            #expect(sandbox.exists("local/a"))
        }
    }

    @Test(arguments: [["save", "x", "--storage", "a"], ["worker", "--once"], ["run"], ["rm", "x", "--storage", "a"]])
    func `two storages with one local directory are 3, and nothing is made`(_ command: [String]) async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("r2")
            try sandbox.write(
                "database: q.sqlite\nstorages:\n  a: {local: local, remote: remote}\n  b: {local: local, remote: r2}\n",
                to: "qstore.yaml"
            )

            let outcome = try await sandbox.run(command)

            #expect(outcome.status == 3, "\(outcome.errors)")
            #expect(outcome.errors.contains("same place"), "\(outcome.errors)")
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test func `a remote in the local directory is 3`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("local/in")

            let outcome = try await sandbox.run(
                ["save", "a", "--local", "local", "--remote", "local/in", "--database", "q.sqlite"])

            #expect(outcome.status == 3)
        }
    }

    @Test func `addresses that can't be used are 3, and don't repeat a password`() async throws {
        try await Sandbox.with { sandbox in
            let secret = try await sandbox.run(
                ["save", "a", "--local", "local", "--remote", "file://me:hunter2@host/dir", "--database", "q.sqlite"])
            let unknown = try await sandbox.run(
                ["save", "a", "--local", "local", "--remote", "gopher://host/dir", "--database", "q.sqlite"])

            #expect(secret.status == 3)
            #expect(secret.errors.contains("password"))
            #expect(!secret.errors.contains("hunter2"))
            #expect(unknown.status == 3)
            #expect(unknown.errors.contains("gopher"))
            #expect(unknown.errors.contains("file:///"))
        }
    }

    @Test func `a file that isn't there is 1`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)

            for command in [["get", "b"], ["rm", "b"], ["url", "b"]] {
                #expect(try await sandbox.run(command + sandbox.place).status == 1)
            }
            for command in [["retry", "b"], ["cancel", "b"], ["transfer", "b"]] {
                #expect(try await sandbox.run(command + sandbox.database).status == 1)
            }
            #expect(try await sandbox.run(["pause", "b"] + sandbox.database).status == 1)
            #expect(try await sandbox.run(["save", "x", "missing.txt"] + sandbox.place).status == 1)
        }
    }

    @Test func `a drain whose time is up is 75, and says that no worker is alive`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)

            let outcome = try await sandbox.run(["drain", "--timeout", "1ms"] + sandbox.database)

            #expect(outcome.status == 75)
            #expect(outcome.errors.contains("no worker is alive"))
        }
    }

    @Test func `a reader that goes away is no error`() async throws {
        try await Sandbox.with { sandbox in
            for name in ["a", "b", "c"] { _ = try await sandbox.run(["save", name] + sandbox.place) }

            let outcome = try await sandbox.shell(
                "set -o pipefail; for i in 1 2 3; do $Q files --database q.sqlite | true || exit 9; done; "
                    + "$Q files --json --database q.sqlite | head -n 1 | wc -l"
            )

            #expect(outcome.status == 0)
            #expect(outcome.text.contains("1"))
            #expect(outcome.errors.isEmpty)
        }
    }

    @Test func `a full output is 1, and said`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "a"] + sandbox.place)

            let outcome = try await sandbox.shell("$Q files --database q.sqlite > /dev/full")

            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("No space left"))
        }
    }
}
