import CLinux
import Foundation
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import TestSupport

/// The sources that listen to the real kernel.
enum KernelSource: String, CaseIterable, Codable, Sendable {
    #if InotifyTools
    case inotifyTools
    #endif
    case inotify

    var source: any FileEventSource {
        switch self {
        #if InotifyTools
        case .inotifyTools: .inotifyTools
        #endif
        case .inotify: .inotify
        }
    }
}

/// A running drop folder under test.
struct Harness: Sendable {
    let directory: String
    let inbox: String
    let sink: DirectorySink
    let log: EventLog
    let folder: DropFolder

    func path(_ name: String) -> String { "\(inbox)/\(name)" }

    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }

    func exists(_ name: String) -> Bool { isThere(path(name)) }
}

func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

/// Writes a file, and closes it.
func write(_ text: String, to path: String) {
    let descriptor = openToWrite(path)
    put(text, into: descriptor)
    close(descriptor)
}

func openToWrite(_ path: String) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    precondition(descriptor >= 0, "\(path): \(String(cString: strerror(errno)))")
    return descriptor
}

func put(_ text: String, into descriptor: Int32) {
    let bytes = Array(text.utf8)
    precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
}

/// A log that says nothing.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs a drop folder while `body` does, from when it has looked through the folder once.
func withDropFolder(
    _ source: any FileEventSource,
    options: DropFolderOptions = DropFolderOptions(),
    time: Timekeeper = .system,
    returnInterval: Duration = .milliseconds(10),
    below parent: String = "",
    sink: (@Sendable (String) -> DirectorySink)? = nil,
    prepare: (String) throws -> Void = { _ in },
    _ body: @escaping @Sendable (Harness) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        if parent != "" { mkdir("\(directory)/\(parent)", 0o755) }
        let inbox = parent == "" ? "\(directory)/inbox" : "\(directory)/\(parent)/inbox"
        mkdir(inbox, 0o755)
        try prepare(inbox)
        let log = EventLog()
        let sink = sink?("\(directory)/sink") ?? DirectorySink("\(directory)/sink")
        let folder = DropFolder(
            inbox,
            into: sink,
            options: options,
            eventSource: source,
            logger: silent,
            time: time,
            returnInterval: returnInterval,
            observe: log.append
        )
        let harness = Harness(directory: directory, inbox: inbox, sink: sink, log: log, folder: folder)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await folder.run() }
            group.addTask {
                await log.wait { $0.isStarted }
                try await body(harness)
                throw Finished()
            }
            do { while try await group.next() != nil {} } catch is Finished {}
            group.cancelAll()
        }
    }
}

private struct Finished: Error {}

/// Takes what lies in a folder once.
func takeOnce(
    _ inbox: String,
    into sink: any DropSink,
    options: DropFolderOptions = DropFolderOptions(),
    time: Timekeeper = .system,
    log: EventLog = EventLog(),
    takesLock: Bool = true
) async throws -> DropFolderSummary {
    try await DropFolder(
        inbox,
        into: sink,
        options: options,
        logger: silent,
        time: time,
        takesLock: takesLock,
        observe: log.append
    ).takeOnce()
}
