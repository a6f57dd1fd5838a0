import Dispatch
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

@testable import QueuedStorageFTP

/// What servers answer oddly, or amid something, does no harm.
@Suite struct AnswerTests {
    private let old = Array("old".utf8)

    /// Whether a command renames a new file to its name.
    @Sendable private static func endsRename(_ command: String, _ isNew: Bool) -> Bool {
        command == "RNTO /d/a.txt" && isNew
    }

    @Test func `an old file stays if the new one may not be renamed`() async throws {
        let server = try ScriptedFTP { command, contents in
            if contents.commands.count <= 1 { contents.files["/d/a.txt"] = Array("old".utf8) }
            return command.hasPrefix("RNFR /d/.qstore/") ? "550 RNFR: permission denied" : nil
        }

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions(replaces: true))
        }

        #expect(error?.code == .denied, "\(error.map { "\($0)" } ?? "no error")")
        #expect(server.contents.files == ["/d/a.txt": old])
    }

    @Test func `an old file comes back if the new one can't have its name`() async throws {
        let isNew = Mutex(false)
        let server = try ScriptedFTP(renameReplaces: false) { command, contents in
            if contents.commands.count <= 1 { contents.files["/d/a.txt"] = Array("old".utf8) }
            if command.hasPrefix("RNFR") { isNew.withLock { $0 = command.contains("/tmp/file-") } }
            return isNew.withLock({ Self.endsRename(command, $0) }) ? "550 RNTO: permission denied" : nil
        }

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions(replaces: true))
        }

        #expect(error?.code == .denied, "\(error.map { "\($0)" } ?? "no error")")
        #expect(server.contents.files == ["/d/a.txt": old])
    }

    @Test func `an old file comes back if the line breaks before the new one has its name`() async throws {
        let isNew = Mutex(false)
        let breaks = Mutex(0)
        let server = try ScriptedFTP(renameReplaces: false) { command, contents in
            if contents.commands.count <= 1 { contents.files["/d/a.txt"] = Array("old".utf8) }
            if command.hasPrefix("RNFR") { isNew.withLock { $0 = command.contains("/tmp/file-") } }
            let isIt = isNew.withLock { Self.endsRename(command, $0) } && contents.files["/d/a.txt"] == nil
            guard isIt else { return nil }
            breaks.withLock { $0 += 1 }
            return breaks.withLock { $0 } == 1 ? "" : nil
        }

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions(replaces: true))
        }

        #expect(breaks.withLock { $0 } == 1)
        #expect(error?.code == .failed, "\(error.map { "\($0)" } ?? "no error")")
        #expect(server.contents.files == ["/d/a.txt": old])
    }

    @Test func `both files stay if neither can have the name any more`() async throws {
        let server = try ScriptedFTP(renameReplaces: false) { command, contents in
            if contents.commands.count <= 1 { contents.files["/d/a.txt"] = Array("old".utf8) }
            return command == "RNTO /d/a.txt" ? "550 RNTO: permission denied" : nil
        }

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions(replaces: true))
        }

        let files = server.contents.files
        #expect(error?.code == .failed, "\(error.map { "\($0)" } ?? "no error")")
        #expect(Set(files.values) == [old, Array("new".utf8)])
        let place = files.first { $0.value == old }?.key ?? "nowhere"
        #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
    }

    @Test func `a temporary file that vanishes is sent again`() async throws {
        let server = try ScriptedFTP { command, contents in
            if command.hasPrefix("RNFR") { contents.files = [:] }
            return nil
        }

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions())
        }

        #expect(error?.code == .damaged, "\(error.map { "\($0)" } ?? "no error")")
    }

    @Test func `a line that is cut amid an upload doesn't say that the disk is full`() async throws {
        let server = try ScriptedFTP(storing: { _, data in
            let bytes = try data.rest()
            return bytes.isEmpty ? [] : nil
        })

        let error = await failure {
            try await server.storage().store(.text("new"), as: "a.txt", options: StoreOptions())
        }

        #expect(error?.code == .failed, "\(error.map { "\($0)" } ?? "no error")")
    }

    @Test func `an upload ends also where facts have no sizes`() async throws {
        let server = try ScriptedFTP { command, contents in
            guard command.hasPrefix("MLST "), contents.files[String(command.dropFirst(5))] != nil else { return nil }
            return "250-\r\n type=file; \(command.dropFirst(5))\r\n250 end"
        }
        let storage = try server.storage()
        let upload = Upload(id: "1-1", name: "a.txt")

        #expect(try await storage.append(.text("abc"), to: upload, at: 0, options: StoreOptions()) == 3)
        #expect(try await storage.uploadedByteCount(upload) == 3)
        let stored = try await storage.finish(upload, options: StoreOptions())

        #expect(stored.size == 3)
        #expect(server.contents.files == ["/d/a.txt": Array("abc".utf8)])
    }

    @Test func `a weaker checksum proves where the stronger one isn't to be had`() async throws {
        let md5 = Mutex("900150983cd24fb0d6963f7d28e17f72")
        let server = try ScriptedFTP(features: ["XSHA256", "XMD5"]) { command, _ in
            if command.hasPrefix("XSHA256") { return "504 not now" }
            return command.hasPrefix("XMD5") ? "250 \(md5.withLock { $0 })" : nil
        }
        let storage = try server.storage()

        let options = StoreOptions(replaces: true, computesSHA256: true)
        let stored = try await storage.store(.text("abc"), as: "a.txt", options: options)
        md5.withLock { $0 = String(repeating: "0", count: 32) }
        let error = await failure { try await storage.store(.text("abc"), as: "a.txt", options: options) }

        #expect(stored.verifiedBy == .md5)
        #expect(error?.code == .damaged)
    }

    @Test func `a file is read back if the server's checksum isn't ours`() async throws {
        let server = try ScriptedFTP(features: ["XMD5"]) { command, _ in
            command.hasPrefix("XMD5") ? "250 \(String(repeating: "0", count: 32))" : nil
        }
        let storage = try server.storage { $0.verification = .readback }
        let upload = Upload(id: "1-1", name: "a.txt")
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        _ = try await storage.append(.text("abc"), to: upload, at: 0, options: StoreOptions())

        let stored = try await storage.finish(upload, options: StoreOptions(expectedSHA256: sha256))

        #expect(stored.verifiedBy == .sha256)
    }

    @Test func `a refused listing isn't an empty one`() async throws {
        let server = try ScriptedFTP { command, _ in
            command.hasPrefix("MLSD") || command.hasPrefix("LIST") ? "522 data connections must be encrypted" : nil
        }

        let error = await failure { try await server.storage().list("") }

        #expect(error?.code == .denied, "\(error.map { "\($0)" } ?? "no error")")
    }

    @Test func `who waits for a connection that is at work gets it`() async throws {
        let hasBegun = DispatchGate()
        let server = try ScriptedFTP(storing: { path, data in
            guard path.contains("slow") else { return try data.rest() }
            hasBegun.open()
            var count = 0
            while case let more = try data.read(upTo: 1 << 20), !more.isEmpty {
                count += more.count
                // As a line does that takes 10 MB a second.
                data.wait(milliseconds: Int32(more.count / 10_000))
            }
            return Array(repeating: 0, count: count)
        })
        let storage = try server.storage {
            $0.connections = 1
            $0.idleTimeout = .seconds(5)
        }
        let content = FileContent.bytes([UInt8](repeating: 0, count: 64 << 20))

        async let slow = storage.store(content, as: "slow", options: StoreOptions(temporaryTag: "slow"))
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                hasBegun.wait()
                continuation.resume()
            }
        }
        let quick = try await storage.store(.text("x"), as: "quick", options: StoreOptions())

        #expect(quick.size == 1)
        #expect(try await slow.size == 64 << 20)
    }

    @Test func `a large file that the server has otherwise isn't taken for sent`() async throws {
        try await withTemporaryDirectory { directory in
            let bytes = pattern(9 << 20)
            let checksum = Mutex(String(repeating: "0", count: 64))
            let server = try ScriptedFTP(features: ["XSHA256"]) { command, _ in
                command.hasPrefix("XSHA256") ? "250 \(checksum.withLock { $0 })" : nil
            }
            let time = ManualTime()
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: try server.storage(),
                catalog: try SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
                environment: [:],
                time: time
            )
            _ = try await storage.save("a.bin", .bytes(bytes))

            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            let damaged = try await storage.catalog.file("a.bin", in: "files")
            #expect(server.contents.files.isEmpty)
            let right = try await FileReader(bytes).sha256()
            checksum.withLock { $0 = right }
            time.advance(by: 100_000)
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            let sent = try await storage.catalog.file("a.bin", in: "files")

            #expect(damaged?.state != .remote)
            #expect(damaged?.error?.contains("sha256") == true, "\(damaged?.error ?? "")")
            #expect(sent?.state == .remote, "\(sent?.error ?? "")")
            #expect(server.contents.files["/d/a.bin"] == bytes)
        }
    }
}
