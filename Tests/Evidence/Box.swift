import Foundation
import Glibc
import TestSupport

/// A directory in which `qstore` runs, with an inbox, a local directory, a remote one and a database, and that can be put
/// back to what it was.
///
/// It is at one path all the time, as a drop folder is known by its path.
struct Box: Sendable {
    let qstore: String
    let library: String
    /// Holds the box and what the library writes.
    let lane: String
    var path: String { lane + "/box" }
    private var snapshot: String { lane + "/snapshot" }
    private var report: String { lane + "/report" }
    var trace: String { lane + "/trace" }

    /// Makes an empty box in a new directory.
    init(qstore: String, library: String, lane: String) throws {
        (self.qstore, self.library) = (qstore, library)
        try FileManager.default.createDirectory(atPath: lane, withIntermediateDirectories: true)
        guard let real = realpath(lane, nil) else { throw EvidenceError("\(lane) can't be found") }
        defer { free(real) }
        self.lane = String(cString: real)
        guard FileManager.default.createFile(atPath: lane + "/report", contents: Data(count: Report.size)) else {
            throw EvidenceError("\(lane)/report can't be written")
        }
    }

    // MARK: Contents

    /// Empties the box.
    func clear() throws {
        try? FileManager.default.removeItem(atPath: path)
        for directory in ["inbox", "local", "remote"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(directory)", withIntermediateDirectories: true)
        }
    }

    /// Writes a file below the box; `%FF` in its name is a byte that is no UTF-8.
    func write(_ text: String, to name: String) throws {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        let bytes = Array(file.replacing("%FF", with: "\u{1}").utf8).map { $0 == 1 ? 0xFF : $0 } + [0]
        let descriptor = open(bytes.map { CChar(bitPattern: $0) }, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw EvidenceError("\(file) can't be written") }
        defer { close(descriptor) }
        let content = Array(text.utf8)
        guard Glibc.write(descriptor, content, content.count) == content.count else {
            throw EvidenceError("\(file) can't be written")
        }
    }

    /// Remembers what the box holds, with the attributes.
    func remember() async throws { try await copy(path, to: snapshot) }

    /// Puts back what the box held.
    func putBack() async throws { try await copy(snapshot, to: path) }

    private func copy(_ from: String, to: String) async throws {
        try? FileManager.default.removeItem(atPath: to)
        let copied = try await TestProcess("/bin/cp", ["-a", from, to], input: .file("/dev/null")).end()
        guard copied.status == 0 else { throw EvidenceError("\(from) can't be copied: \(copied.ending)") }
    }

    /// Forgets what was traced.
    func clearTrace() throws {
        if FileManager.default.fileExists(atPath: trace) { try FileManager.default.removeItem(atPath: trace) }
    }

    // MARK: Commands

    /// What the library does to a command.
    struct Fault: Sendable {
        var step = 0
        var act = ""
        /// What it counts beside changes: `r` for reads, `l` for locks.
        var counts = ""
        /// The calls that are counted; all if it is empty.
        var only: [String] = []
        var traces = false
    }

    /// How a command ended.
    struct Run: Sendable {
        /// Its exit status or the number of its signal; nil if it had to be killed, as it didn't end.
        var status: Int32?
        var output: String
        var errors: String
        /// The calls that were counted, and what the one was at which something happened.
        var steps: Int
        var hit: String?

        var ending: String {
            ([status.map { "it ended with \($0)" } ?? "it hangs"] + [output, errors].filter { $0 != "" }).joined(
                separator: "\n"
            )
        }
    }

    /// Runs a command of `qstore` to its end, with the flags of the box.
    func run(_ command: Command, _ fault: Fault = Fault(), limit: Duration = .seconds(120)) async throws -> Run {
        let process = try start(command, fault)
        return await end(process, limit: limit)
    }

    /// Starts a command.
    func start(_ command: Command, _ fault: Fault? = nil) throws -> TestProcess {
        var environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("QSTORE_") && !$0.key.hasPrefix("QUEUED_") && !$0.key.hasPrefix("FAULTS_")
        }
        // A worker that ends at once must not wait a minute to try again.
        environment["QUEUED_STORAGE_RETRY_DELAY"] = "0"
        environment["LD_PRELOAD"] = library
        environment["FAULTS_ROOT"] = path
        environment["FAULTS_NOSYNC"] = "1"
        if let fault {
            try Report.clear(report)
            environment["FAULTS_REPORT"] = report
            environment["FAULTS_STEP"] = "\(fault.step)"
            environment["FAULTS_ACT"] = fault.act
            environment["FAULTS_COUNT"] = fault.counts
            environment["FAULTS_ONLY"] = fault.only.joined(separator: " ")
            if fault.traces { environment["FAULTS_TRACE"] = trace }
        }
        let program = command.isModel ? CommandLine.arguments[0].absolutePath : qstore
        return try TestProcess(
            program,
            command.arguments + (command.isModel ? [] : command.flags),
            environment: environment,
            directory: path,
            input: .file("/dev/null")
        )
    }

    /// Waits for the end of a command that was started, not forever.
    func end(_ process: TestProcess, limit: Duration = .seconds(120)) async -> Run {
        let watch = Task {
            try await Task.sleep(for: limit)
            process.send(SIGKILL)
            return true
        }
        let said = await process.end()
        watch.cancel()
        let hangs = (try? await watch.value) ?? false
        let report = Report.read(report)
        return Run(
            status: hangs ? nil : said.status,
            output: said.text,
            errors: String(decoding: said.errors, as: UTF8.self),
            steps: report.count,
            hit: report.hit > 0 ? report.call.replacingOccurrences(of: path + "/", with: "") : nil
        )
    }

    /// What the library counted so far.
    var counted: Report { Report.read(report) }
}

/// What the library writes for us, also when its process dies.
struct Report {
    static let size = 4096
    var count = 0
    var hit = 0
    var call = ""

    static func clear(_ path: String) throws {
        guard let file = FileHandle(forWritingAtPath: path) else { throw EvidenceError("\(path) can't be written") }
        try file.write(contentsOf: Data(count: size))
        try file.close()
    }

    static func read(_ path: String) -> Report {
        guard let data = FileManager.default.contents(atPath: path), data.count == size else { return Report() }
        return data.withUnsafeBytes { bytes in
            Report(
                count: Int(bytes.loadUnaligned(as: UInt64.self)),
                hit: Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                call: String(decoding: bytes[16...].prefix { $0 != 0 }, as: UTF8.self)
            )
        }
    }
}

/// Why an attack can't be made.
struct EvidenceError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension String {
    var absolutePath: String {
        URL(fileURLWithPath: self, relativeTo: URL(fileURLWithPath: FileManager.default.currentDirectoryPath)).path
    }
}
