import Foundation
import TestRemotes
import TestSupport
import Testing

/// A sandbox whose remote is a real one, for `qstore`.
struct Bench: Sendable {
    let sandbox: Sandbox
    let place: RealRemote.Place
    /// What the names of this bench's files begin with; others share the remote.
    let prefix = "bench-" + UUID().uuidString.prefix(8).lowercased()
    private let said = Transcript()

    static func with(
        _ remote: RealRemote,
        on server: TestServer? = nil,
        through proxy: FaultyProxy? = nil,
        isSmall: Bool = false,
        _ body: (Bench) async throws -> Void
    ) async throws {
        let shared = try await remote.server
        try await Sandbox.with { sandbox in
            let place = try await remote.place(
                on: server ?? shared,
                port: proxy?.port,
                host: proxy?.host ?? "127.0.0.1",
                isSmall: isSmall,
                file: "\(sandbox.path)/remote.sqlite"
            )
            let bench = Bench(sandbox: sandbox, place: place)
            try await body(bench)
            bench.expectNoSecret()
        }
    }

    private var flags: [String] {
        ["--local", "local", "--remote", place.url, "--database", "q.sqlite"]
    }

    // Retries come at once: a test doesn't wait. The log has all that there is, so that no secret is missed in it.
    private var variables: [String: String] {
        place.environment.merging(["QUEUED_STORAGE_RETRY_DELAY": "0", "QSTORE_LOG_LEVEL": "trace"]) { $1 }
    }

    /// Runs a command that needs the storage to its end.
    func run(_ arguments: [String]) async throws -> Outcome {
        let outcome = try await sandbox.run(arguments + flags, environment: variables)
        said.add(outcome.errors)
        if arguments.first != "get" { said.add(outcome.text) }
        return outcome
    }

    /// Runs a command that only needs the database.
    func ask(_ arguments: [String]) async throws -> Outcome {
        let outcome = try await sandbox.run(arguments + sandbox.database)
        said.add(outcome.errors + outcome.text)
        return outcome
    }

    /// Starts a command that needs the storage.
    func start(_ arguments: [String]) throws -> RunningCommand {
        let command = try sandbox.start(arguments + flags, environment: variables)
        said.follow(command)
        return command
    }

    /// Starts to follow the events.
    func follow() throws -> RunningCommand {
        let command = try sandbox.start(["events", "--follow"] + sandbox.database)
        said.follow(command)
        return command
    }

    /// What is known of a file.
    func file(_ name: String) async throws -> [String: Any] {
        let listed = try await ask(["files", "--json"])
        let rows = try listed.lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        return try #require(rows.compactMap { $0 }.first { $0["name"] as? String == name }, "\(name) isn't listed")
    }

    /// Requires a file to be on the remote, whole, and nowhere else.
    func expectMoved(_ name: String, _ content: Data) async throws {
        let row = try await file(name)
        #expect(row["state"] as? String == "remote", "\(row)")
        #expect(!sandbox.exists("local/\(name)"), "the local copy is still there")
        let got = try await run(["get", name])
        #expect(got.status == 0, "\(got.errors)")
        #expect(got.output == content, "\(name): \(got.output.count) bytes of \(content.count)")
    }

    /// Looks for the secret, and for HTTP's header field with it, in all that was printed; for the secret in all files, too.
    private func expectNoSecret() {
        guard let secret = place.secret else { return }
        #expect(!said.text.contains(secret), "the secret was printed")
        #expect(!said.text.contains("Basic "), "a login was printed")
        let files = FileManager.default.enumerator(atPath: sandbox.path)
        while let name = files?.nextObject() as? String {
            guard let data = FileManager.default.contents(atPath: "\(sandbox.path)/\(name)") else { continue }
            #expect(data.range(of: Data(secret.utf8)) == nil, "the secret is in \(name)")
        }
    }
}
