import Foundation
import QueuedStorageSchemas
import TestSupport
import Testing

@Suite struct ConfigurationTests {
    /// A text that is wrong in one place, and what the one line about it must have.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let lines: String
        let complaint: [String]
        var testDescription: String { complaint.joined(separator: " ") }
    }

    private static let head = "database: q.sqlite\nstorages:\n  a:\n    local: local\n    remote: remote\n"

    @Test(arguments: [
        Mistake(lines: "colour: red\n", complaint: ["c.yaml:6: colour: unknown key", "database, workers"]),
        Mistake(
            lines: "    retrys: 3\n",
            complaint: ["c.yaml:6: storages.a.retrys: unknown key", "is retries meant?"]
        ),
        Mistake(lines: "    password: x\n", complaint: ["c.yaml:6: storages.a.password: a secret doesn't belong"]),
        Mistake(lines: "    retryDelay: 60\n", complaint: ["c.yaml:6: storages.a.retryDelay: \"60\"", "60s"]),
        Mistake(lines: "    retries: many\n", complaint: ["c.yaml:6: storages.a.retries: \"many\"", "unlimited"]),
        Mistake(lines: "    delayed: maybe\n", complaint: ["c.yaml:6: storages.a.delayed", "true or false"]),
        Mistake(lines: "    task: Move\n", complaint: ["c.yaml:6: storages.a.task", "Transfer, TransferAndDelete"]),
        Mistake(lines: "    rateLimit: fast\n", complaint: ["c.yaml:6: storages.a.rateLimit", "10/m"]),
        Mistake(lines: "    delayed:\n", complaint: ["c.yaml:6: storages.a.delayed: has no value"]),
        Mistake(lines: "workers: 0\n", complaint: ["c.yaml:6: workers", "from 1 to 1024"]),
        Mistake(lines: "    local: again\n", complaint: ["c.yaml:", "local", "twice"]),
        Mistake(lines: "  b: nothing\n", complaint: ["c.yaml:6: storages.b: must be a mapping", "local, remote"]),
        Mistake(lines: "  b:\n    local: x\n", complaint: ["c.yaml:6: storages.b: remote is missing"]),
        Mistake(
            lines: "  b:\n    local: x\n    remote: s4://x\n",
            complaint: ["c.yaml:8: storages.b.remote", "\"s4\"", "file:///"]
        ),
        Mistake(
            lines: "  b:\n    local: x\n    remote: file://a:b@c/d\n",
            complaint: ["c.yaml:8: storages.b.remote", "password"]
        ),
        Mistake(
            lines: "  b:\n    local: x\n    remote: {type: FileSystemStorage, size: 3}\n",
            complaint: ["c.yaml:8: storages.b.remote", "no option \"size\"", "location"]
        ),
        Mistake(
            lines: "  b:\n    local: x\n    remote: {type: Punchcards}\n",
            complaint: ["c.yaml:8: storages.b.remote", "\"Punchcards\" is no kind of storage"]
        ),
        Mistake(
            lines: "  A:\n    local: x\n    remote: y\n",
            complaint: ["c.yaml:6: storages.A", "QSTORE_A_", "another alias"]
        ),
        Mistake(
            lines: "  b:\n    local: nowhere\n    remote: remote\n",
            complaint: ["c.yaml:7: storages.b.local", "isn't there", "mkdir -p"]
        ),
        Mistake(
            lines: "  b:\n    local: inbox\n    remote: nowhere\n",
            complaint: ["c.yaml:8: storages.b.remote", "isn't there", "mkdir -p"]
        ),
        Mistake(
            lines: "dropFolders:\n  i:\n    path: inbox\n    storage: c\n",
            complaint: ["c.yaml:9: dropFolders.i.storage", "isn't declared", "a"]
        ),
        Mistake(
            lines: "dropFolders:\n  i:\n    path: inbox\n    mode: later\n",
            complaint: ["c.yaml:9: dropFolders.i.mode", "automatic, delayed"]
        ),
        Mistake(
            lines: "dropFolders:\n  i:\n    path: inbox\n    mode: after: 10m\n",
            complaint: ["c.yaml:9", "a value with a colon in it needs quotes"]
        ),
        Mistake(
            lines: "dropFolders:\n  i:\n    path: inbox\n    minimumFreeBytes: lots\n",
            complaint: ["c.yaml:9: dropFolders.i.minimumFreeBytes", "64MiB"]
        ),
        Mistake(
            lines: "dropFolders:\n  i:\n    path: local\n",
            complaint: ["same place"]
        ),
        Mistake(lines: "x: [\n", complaint: ["c.yaml:", "isn't YAML"]),
    ])
    func `a mistake is one line with file, line, key, and what is allowed`(_ mistake: Mistake) async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(Self.head + mistake.lines, to: "c.yaml")

            let outcome = try await sandbox.run(["config", "check", "--config", "c.yaml"])

            #expect(outcome.status == 3)
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
            for part in mistake.complaint { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
        }
    }

    @Test func `init writes a configuration that check accepts, and never over one`() async throws {
        try await Sandbox.with { sandbox in
            let first = try await sandbox.run(["init"])
            let second = try await sandbox.run(["init"])
            for directory in ["media", "archive", "inbox"] { try sandbox.makeDirectory(directory) }
            let check = try await sandbox.run(["config", "check"])

            #expect(first.status == 0)
            #expect(second.status == 1)
            #expect(check.status == 0, "\(check.errors)")
            #expect(check.text.contains("storage default"))
            #expect(!sandbox.exists("qstore.sqlite"))
        }
    }

    @Test func `each commented line of the template is right, too`() async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["init"])
            let text = try sandbox.text("qstore.yaml").split(separator: "\n", omittingEmptySubsequences: false).map {
                line in
                guard let mark = line.firstIndex(of: "#"), let next = line[mark...].dropFirst().first, next != " "
                else {
                    return String(line)
                }
                return line[..<mark] + String(line[line.index(after: mark)...])
            }.joined(separator: "\n")
            try sandbox.write(text, to: "qstore.yaml")
            for directory in ["media", "archive"] { try sandbox.makeDirectory(directory) }

            let check = try await sandbox.run(["config", "check"])

            #expect(check.status == 0, "\(check.errors)")
            #expect(text.contains("\n    retries: 5"))
        }
    }

    private static let accepted: [String] = [
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote"}}}"#,
        #"{"database":"q.sqlite","workers":8,"drainTimeout":"1h30m","eventRetention":"2d","storages":{"a":{"local":"local","remote":"file:remote","delayed":true,"task":"TransferAndDelete","retries":0,"retryDelay":"90s","localGrace":"10m","durabilityGrace":"5m","verification":"readback","rateLimit":"10/m","preferredSide":"local","hashesOnSave":false,"stallTimeout":"5m","attemptTimeout":"6h","cachePrefix":"x","baseURL":"https://a/","localBaseURL":"/m/"}}}"#
            .replacing("file:remote", with: "remote"),
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","retries":"unlimited"}},"dropFolders":{"i":{"path":"inbox","storage":"a","mode":"after 10m","include":["*.pdf"],"exclude":"*.log","ignore":["*~"],"takesHiddenFiles":true,"onCollision":"skip","done":"still 30s","sidecar":"optional","prune":true,"settleTime":"5s","rescanInterval":"15m","pollInterval":"10s","retryInterval":"60s","minimumFreeBytes":"64MiB","batchSize":10,"concurrency":2,"largeFileSize":1048576}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote"}},"dropFolders":{"i":{"path":"inbox","mode":{"window":"22:00-06:00"},"done":{"marker":".ready"}}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":{"type":"FileSystemStorage","location":"remote","fileMode":416,"allowOverwrite":false}}}}"#,
    ]

    private static let refused: [String] = [
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":{"location":"remote"}}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":{"type":"FileSystemStorage","location":["x"]}}}}"#,
        #"{"storages":{"a":{"local":"local","remote":"remote"}}}"#,
        #"{"database":"q.sqlite"}"#,
        #"{"database":"q.sqlite","storages":{}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","x":1}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","retries":-1}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","retryDelay":"soon"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","delayed":"maybe"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote","rateLimit":"0/m"}}}"#,
        #"{"database":"q.sqlite","workers":0,"storages":{"a":{"local":"local","remote":"remote"}}}"#,
        #"{"database":"q.sqlite","storages":{"a/b":{"local":"local","remote":"remote"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote"}},"dropFolders":{"i":{"mode":"delayed"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote"}},"dropFolders":{"i":{"path":"inbox","done":"perhaps"}}}"#,
        #"{"database":"q.sqlite","storages":{"a":{"local":"local","remote":"remote"}},"dropFolders":{"i":{"path":"inbox","sidecar":"yes"}}}"#,
    ]

    @Test func `connecting writes, reads and deletes a file at each remote, and says what can't be done`() async throws
    {
        try await Sandbox.with { sandbox in
            try sandbox.write(
                """
                database: q.sqlite
                storages:
                  near:
                    local: local
                    remote: remote
                  away:
                    local: inbox
                    remote: {type: FileSystemStorage, location: \(sandbox.path)/away, createsLocation: false}
                """,
                to: "c.yaml"
            )

            let plain = try await sandbox.run(["config", "check", "--config", "c.yaml"])
            let connected = try await sandbox.run(["config", "check", "--connect", "--config", "c.yaml"])

            #expect(plain.status == 0, "\(plain.errors)")
            #expect(connected.status == 75, "\(connected.errors)")
            #expect(connected.text.contains("storage near: reached, logged in, written, read and deleted in"))
            #expect(connected.text.contains("storage away: can't be reached"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.path)/remote") == [])
            #expect(!sandbox.exists("q.sqlite"))
        }
    }

    @Test func `check lets a known remote be away, and says so; an unknown one must be there`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(Self.head, to: "qstore.yaml")
            _ = try await sandbox.run(["save", "f"])
            try sandbox.move("remote", to: "elsewhere")

            let known = try await sandbox.run(["config", "check"])
            try sandbox.write(Self.head.replacing("remote: remote", with: "remote: other"), to: "other.yaml")
            let other = try await sandbox.run(["config", "check", "--config", "other.yaml"])

            #expect(known.status == 0, "\(known.errors)")
            #expect((known.text + known.errors).contains("transfers wait"), "\(known.errors)")
            #expect(other.status == 3)
        }
    }

    // JSON is YAML, so that both can read the same text.
    @Test func `the schema and the loader accept the same`() async throws {
        try await Sandbox.with { sandbox in
            for text in Self.accepted {
                try sandbox.write(text, to: "c.yaml")
                let outcome = try await sandbox.run(["config", "check", "--config", "c.yaml"])
                #expect(outcome.status == 0, "\(text) \(outcome.errors)")
            }
            #expect(try await SchemaCheck.complaints(about: Self.accepted, by: Schemas.config, sandbox) == "")
        }
    }

    @Test func `the schema and the loader refuse the same`() async throws {
        try await Sandbox.with { sandbox in
            for text in Self.refused {
                try sandbox.write(text, to: "c.yaml")
                let outcome = try await sandbox.run(["config", "check", "--config", "c.yaml"])
                #expect(outcome.status == 3, "\(text)")
                #expect(
                    try await !SchemaCheck.complaints(about: [text], by: Schemas.config, sandbox).isEmpty,
                    "\(text)"
                )
            }
        }
    }

    @Test func `relative paths begin at the configuration's directory, and the environment wins`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("etc/local")
            try sandbox.makeDirectory("etc/remote")
            try sandbox.write(Self.head, to: "etc/c.yaml")

            let file = try await sandbox.run(["save", "a"], environment: ["QSTORE_CONFIG": "etc/c.yaml"])
            let other = try await sandbox.run(
                ["save", "b", "--moved", "--config", "etc/c.yaml"],
                environment: ["QSTORE_DATABASE": "other.sqlite"]
            )
            let wrong = try await sandbox.run(
                ["save", "b", "--config", "etc/c.yaml"],
                environment: ["QSTORE_WORKERS": "none"]
            )

            #expect(file.status == 0, "\(file.errors)")
            #expect(sandbox.exists("etc/local/a"))
            #expect(sandbox.exists("etc/q.sqlite"))
            #expect(other.status == 0, "\(other.errors)")
            #expect(sandbox.exists("other.sqlite"))
            #expect(wrong.status == 3)
        }
    }

    @Test func `of several storages one must be named`() async throws {
        try await Sandbox.with { sandbox in
            for name in ["l2", "r2"] { try sandbox.makeDirectory(name) }
            try sandbox.write(Self.head + "  b:\n    local: l2\n    remote: r2\n", to: "qstore.yaml")

            let open = try await sandbox.run(["save", "x"])
            let named = try await sandbox.run(["save", "x", "--storage", "b"])
            let unknown = try await sandbox.run(["save", "x", "--storage", "c"])

            #expect(open.status == 2)
            #expect(open.errors.contains("a, b"))
            #expect(named.status == 0, "\(named.errors)")
            #expect(unknown.status == 2)
        }
    }
}
