import Dispatch
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageFTP

/// What servers answer oddly, or amid something, does no harm.
@Suite struct AnswerTests {
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
            $0.idleTimeout = .seconds(2)
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
}
