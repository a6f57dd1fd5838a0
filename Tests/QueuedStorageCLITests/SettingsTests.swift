import Foundation
import TestSupport
import Testing

/// Where settings come from, and which of them wins.
@Suite struct SettingsTests {
    /// How often a worker tries a file whose transfer fails in a way that a retry could mend.
    ///
    /// The setting is a line of the storage's configuration; without one, flags describe the storage.
    private func tries(
        _ setting: String? = nil,
        flags: [String] = [],
        environment: [String: String]
    ) async throws -> String {
        var tried = ""
        try await Sandbox.with { sandbox in
            var (place, database) = (sandbox.place, sandbox.database)
            if let setting {
                try sandbox.write(
                    "database: q.sqlite\nstorages:\n  a:\n    local: local\n    remote: remote\n    \(setting)\n",
                    to: "c.yaml"
                )
                (place, database) = (["--config", "c.yaml"], ["--config", "c.yaml"])
            }
            _ = try await sandbox.run(["save", "x"] + place)
            // Other bytes than those that were saved.
            try sandbox.write("other bytes than were saved", to: "local/x")
            let variables = ["QUEUED_STORAGE_RETRY_DELAY": "0"].merging(environment) { $1 }

            let worker = try await sandbox.run(["worker", "--once"] + flags + place, environment: variables)
            let files = try await sandbox.run(["files", "--json"] + database)

            #expect(worker.status == 1, "\(worker.errors)")
            tried = files.text.firstMatch(of: /"attempts":(\d+)/).map { String($0.1) } ?? files.text
        }
        return tried
    }

    @Test func `the variables of the original say how often a failure is retried`() async throws {
        #expect(try await tries(environment: ["QUEUED_STORAGE_RETRIES": "2"]) == "3")
        #expect(try await tries(environment: [:]) == "6")
    }

    @Test func `what a storage is configured to do wins over the variables`() async throws {
        #expect(try await tries("retries: 1", environment: ["QUEUED_STORAGE_RETRIES": "3"]) == "2")
    }

    @Test func `a flag wins over everything`() async throws {
        let environment = ["QUEUED_STORAGE_RETRIES": "3"]

        #expect(try await tries("retries: 2", flags: ["--retries", "0"], environment: environment) == "1")
        #expect(try await tries(flags: ["--retries", "1"], environment: environment) == "2")
    }

    @Test(arguments: ["QUEUED_STORAGE_RETRIES", "QUEUED_STORAGE_RETRY_DELAY"])
    func `a variable that can't be is 3, and named`(_ name: String) async throws {
        try await Sandbox.with { sandbox in
            _ = try await sandbox.run(["save", "x"] + sandbox.place)

            let worker = try await sandbox.run(["worker", "--once"] + sandbox.place, environment: [name: "often"])

            #expect(worker.status == 3)
            #expect(worker.errors.contains(name) && worker.errors.contains("often"), "\(worker.errors)")
        }
    }

    @Test func `a quiet watcher says nothing but errors`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write("x", to: "inbox/x")
            let quiet = try await sandbox.run(["watch", "inbox", "--once", "--quiet"] + sandbox.place)
            try sandbox.write("y", to: "inbox/z")
            let usual = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)

            #expect(quiet.status == 0 && usual.status == 0)
            #expect(quiet.text == "" && quiet.errors == "")
            #expect(usual.text + usual.errors != "")
        }
    }

    @Test func `the log says as much as it is asked for`() async throws {
        try await Sandbox.with { sandbox in
            let files = ["a", "b", "c"]
            for name in files { try sandbox.write(name, to: "inbox/\(name)") }
            func log(_ flags: [String], _ environment: [String: String] = [:]) async throws -> String {
                try await sandbox.run(
                    ["watch", "inbox", "--once", "--quiet"] + flags + sandbox.place,
                    environment: environment
                ).errors
            }

            #expect(try await log(["--log-level", "debug"]).contains("debug: "))
            try sandbox.write("d", to: "inbox/d")
            #expect(try await log([], ["QSTORE_LOG_LEVEL": "debug"]).contains("debug: "))
            try sandbox.write("e", to: "inbox/e")
            #expect(try await log(["--log-level", "error"], ["QSTORE_LOG_LEVEL": "debug"]) == "")
            let wrong = try await sandbox.run(["files", "--log-level", "loud"] + sandbox.database)
            #expect(wrong.status == 2)
        }
    }
}
