import ArgumentParser
import Foundation
import QueuedStorageCore
import QueuedStorageTransport

/// Measures the transport against an HTTP server that takes `PUT` and `GET` below an address.
struct TransportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport",
        abstract: "Measures requests per second and bytes per second against an HTTP server."
    )

    @Argument(help: "An address that takes PUT and GET below it, ending in \"/\".")
    var url: String
    @Option(help: "How many tasks send small requests at once.")
    var tasks = 16
    @Option(help: "How many small requests are sent of each kind.")
    var requests = 20_000
    @Option(help: "How large the large file is, in MiB.")
    var mebibytes = 1024
    @Option(help: "How often it is measured.")
    var rounds = 3

    func run() async throws {
        let transport = Transport()
        for _ in 0..<rounds {
            try await report("PUT of 1 KiB") { try await small(transport, "PUT") }
            try await report("GET of 1 KiB") { try await small(transport, "GET") }
            try await report("PUT of \(mebibytes) MiB", bytes: true) { try await upload(transport) }
            try await report("GET of \(mebibytes) MiB", bytes: true) { try await download(transport) }
        }
    }

    private func small(_ transport: Transport, _ method: String) async throws {
        let body = [UInt8](repeating: 7, count: 1024)
        let (tasks, requests, url) = (tasks, requests, url)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    for _ in 0..<requests / tasks {
                        let request = TransportRequest(
                            method,
                            url + "s\(task)",
                            body: method == "PUT" ? .bytes(body) : .none
                        )
                        let answer = try await transport.send(request)
                        guard (200..<300).contains(answer.status) else { throw await answer.failure(method) }
                        try await answer.discard()
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func upload(_ transport: Transport) async throws {
        let path = ".build/transport-bench"
        if (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) != mebibytes << 20 {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            for _ in 0..<mebibytes { try file.write(contentsOf: Data(repeating: 7, count: 1 << 20)) }
            try file.close()
        }
        let content = try FileContent.file(path).reader()
        let answer = try await transport.send(
            TransportRequest("PUT", url + "large", body: .stream(content, size: content.size))
        )
        guard (200..<300).contains(answer.status) else { throw await answer.failure("PUT") }
        try await answer.discard()
    }

    private func download(_ transport: Transport) async throws {
        var count = 0
        for try await buffer in try await transport.send(TransportRequest("GET", url + "large")).body {
            count += buffer.count
        }
        guard count == mebibytes << 20 else { throw ValidationError("\(count) bytes came") }
    }

    private func report(_ what: String, bytes: Bool = false, _ body: () async throws -> Void) async throws {
        let (clock, before) = (ContinuousClock(), usage())
        let time = try await clock.measure(body).seconds
        let processor = usage() - before
        let rate =
            bytes
            ? "\((Double(mebibytes) / time).rounded(toPlaces: 0)) MiB/s"
            : "\((Double(requests) / time).rounded(toPlaces: 0)) requests/s"
        say("\(what): \(rate), \(processor.rounded(toPlaces: 2)) s of CPU, \(residentSize()) MiB resident at most")
    }

    private func usage() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

    private func residentSize() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }
}
