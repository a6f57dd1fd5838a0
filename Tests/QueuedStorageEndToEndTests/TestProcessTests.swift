import Foundation
import Glibc
import QueuedStorageCore
import TestSupport
import Testing

/// The processes that tests start.
@Suite struct TestProcessTests {
    @Test(arguments: ["exec sleep 1000", "sleep 1000 & wait", "trap '' TERM; sleep 1000"])
    func `a process ends with its test, and what it started too`(_ script: String) async throws {
        try await withTemporaryDirectory { directory in
            let fifo = "\(directory)/fifo"
            #expect(mkfifo(fifo, 0o600) == 0)
            let reading = open(fifo, O_RDONLY | O_NONBLOCK)
            defer { close(reading) }
            #expect(fcntl(reading, F_SETFL, 0) == 0)

            try await {
                let process = try TestProcess("/bin/sh", ["-c", "exec 9>'\(fifo)'; echo on; \(script)"])
                #expect(await process.wait { $0.lines == ["on"] ? true : nil } == true)
            }()

            // The kernel says that nobody has the other end open any more.
            let count = try await blocking {
                var byte: UInt8 = 0
                return read(reading, &byte, 1)
            }
            #expect(count == 0)
        }
    }

    @Test func `a process says how it ended`() async throws {
        let failed = try await TestProcess("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"]).end()
        #expect(failed.status == 3)
        #expect(failed.lines == ["out"])
        #expect(String(decoding: failed.errors, as: UTF8.self) == "err\n")

        let killed = try await TestProcess("/bin/sh", ["-c", "kill -9 $$"]).end()
        #expect(killed.status == SIGKILL)
        #expect(throws: (any Error).self) { try TestProcess("/nowhere") }
    }
}
