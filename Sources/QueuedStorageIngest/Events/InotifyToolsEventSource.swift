#if InotifyTools
import CInotifyTools
import Foundation
import Glibc
import QueuedStorageCore
import Synchronization

/// The library libinotifytools, as a thin source of events.
///
/// The library keeps one descriptor, one table of watches and one error for the whole process, without locks. So one
/// owner has it, on one thread, and serves all drop folders of the process. None of its own bookkeeping of paths is
/// used: it goes stale when directories are renamed or deleted.
public struct InotifyToolsEventSource: FileEventSource {
    /// The source's name.
    public let name = "libinotifytools"
    /// False: the kernel says what happens.
    public let polls = false

    /// Makes the source.
    public init() {}

    /// Begins to watch.
    ///
    /// - Parameter deliver: Is called, on the owner's thread, with what happened.
    /// - Returns: The open stream.
    /// - Throws: ``FileEventError`` with ``FileEventError/Code/unavailable`` if the library can't be used in this
    ///   process, and with ``FileEventError/Code/limitReached`` if the user has too many watchers.
    public func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws -> any FileEventStream {
        try InotifyToolsOwner.shared.join(deliver)
    }
}

extension FileEventSource where Self == InotifyToolsEventSource {
    /// The library libinotifytools.
    public static var inotifyTools: Self { Self() }
}

/// The one user of the library in this process.
private final class InotifyToolsOwner: Sendable {
    static let shared = InotifyToolsOwner()

    private typealias Request = @Sendable (inout Table) -> Void

    private struct Requests {
        var waiting: [Request] = []
        var isRunning = false
    }

    private let requests = Mutex(Requests())
    private let wakeable = try? WakeableDescriptor()

    func join(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws -> any FileEventStream {
        let client = try perform { table in
            try table.start()
            return table.add(deliver)
        }
        return Client(number: client, owner: self)
    }

    /// Runs a request on the owner's thread, which is started if it doesn't run, and waits for it.
    private func perform<Value: Sendable>(_ body: @escaping @Sendable (inout Table) throws -> Value) throws -> Value {
        guard let wakeable else { throw FileEventError(.limitReached, "eventfd: no descriptor is left") }
        let answer = Mutex<Result<Value, any Error>?>(nil)
        let answered = DispatchSemaphore(value: 0)
        let box = Answer(answer: answer)
        let mustStart = requests.withLock { requests in
            requests.waiting.append { table in
                let result = Result { try body(&table) }
                box.answer.withLock { $0 = result }
                answered.signal()
            }
            defer { requests.isRunning = true }
            return !requests.isRunning
        }
        if mustStart { Thread { self.run(wakeable) }.startNamed("qstore-inotify") } else { wakeable.wakeUp() }
        answered.wait()
        guard let result = box.answer.withLock({ $0 }) else {
            preconditionFailure("a request is signalled when answered")
        }
        return try result.get()
    }

    private func run(_ wakeable: WakeableDescriptor) {
        var table = Table()
        while true {
            for request in requests.withLock({ requests in
                defer { requests.waiting = [] }
                return requests.waiting
            }) { request(&table) }
            if table.isEmpty {
                table.stop()
                let ends = requests.withLock { requests in
                    guard requests.waiting.isEmpty else { return false }
                    requests.isRunning = false
                    return true
                }
                if ends { return }
                continue
            }
            table.drain()
            wakeable.wait(for: table.descriptor)
        }
    }

    private final class Answer<Value: Sendable>: Sendable {
        let answer: Mutex<Result<Value, any Error>?>
        init(answer: consuming Mutex<Result<Value, any Error>?>) { self.answer = answer }
    }

    private struct Client: FileEventStream {
        let number: Int
        let owner: InotifyToolsOwner

        func watch(_ directory: [UInt8]) throws -> Int32 {
            try owner.perform { try $0.watch(directory, for: number) }
        }

        func unwatch(_ watch: Int32) { try? owner.perform { $0.unwatch(watch, for: number) } }

        func close() { try? owner.perform { $0.remove(number) } }
    }

    /// What the owner's thread keeps; it alone calls the library.
    private struct Table {
        /// The library never frees the entry of a directory that went; after so many it is started anew.
        static let mostDeadWatches = 10_000

        private(set) var descriptor: Int32 = -1
        private var clients: [Int: @Sendable ([FileEvent]) -> Void] = [:]
        private var watchers: [Int32: Set<Int>] = [:]
        private var lastClient = 0
        private var deadWatches = 0

        var isEmpty: Bool { clients.isEmpty }

        mutating func start() throws {
            guard descriptor < 0 else { return }
            descriptor = try inotifyCreation.withLock { _ in
                let before = Self.inotifyDescriptors()
                guard inotifytools_initialize() != 0 else {
                    throw FileEventError(errno: inotifytools_error(), "inotifytools_initialize")
                }
                let new = Self.inotifyDescriptors().subtracting(before)
                // The library waits with select(), which aborts the process on a descriptor that doesn't fit its set.
                guard new.count == 1, let descriptor = new.first, descriptor < 1024 else {
                    inotifytools_cleanup()
                    throw FileEventError(.unavailable, "libinotifytools' descriptor can't be found, or is too large")
                }
                return descriptor
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }

        mutating func stop() {
            guard descriptor >= 0 else { return }
            inotifytools_cleanup()
            descriptor = -1
            watchers = [:]
            deadWatches = 0
        }

        mutating func add(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) -> Int {
            lastClient += 1
            clients[lastClient] = deliver
            return lastClient
        }

        mutating func remove(_ client: Int) {
            clients[client] = nil
            for watch in Array(watchers.keys) { unwatch(watch, for: client) }
        }

        mutating func watch(_ directory: [UInt8], for client: Int) throws -> Int32 {
            // With a slash at the end the library takes it for a directory without asking.
            let path = directory + [UInt8(ascii: "/")]
            let mask = Int32(bitPattern: FileEvent.Kind.wanted.rawValue | UInt32(IN_ONLYDIR))
            let isWatched = withPath(path) { inotifytools_watch_file($0, mask) } != 0
            guard isWatched else { throw FileEventError(errno: inotifytools_error(), "inotifytools_watch_file") }
            // The library doesn't say which watch that was, and its look-up by name is wrong after renames; the kernel
            // gives the same one again for the same directory.
            let watch = withPath(path) {
                inotify_add_watch(descriptor, $0, FileEvent.Kind.wanted.rawValue | UInt32(IN_ONLYDIR))
            }
            guard watch >= 0 else { throw FileEventError(errno: errno, "inotify_add_watch") }
            watchers[watch, default: []].insert(client)
            return watch
        }

        mutating func unwatch(_ watch: Int32, for client: Int) {
            guard watchers[watch]?.remove(client) != nil, watchers[watch]?.isEmpty == true else { return }
            watchers[watch] = nil
            // Not by the library: it complains on the standard error if the directory is gone already.
            inotify_rm_watch(descriptor, watch)
            deadWatches += 1
        }

        /// Reads until the library has nothing left: it buffers what poll(2) no longer sees.
        mutating func drain() {
            var events: [Int: [FileEvent]] = [:]
            while let event = inotifytools_next_events(0, 1) {
                let header = event.pointee
                let kind = FileEvent.Kind(rawValue: header.mask)
                let start = UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size
                let name = UnsafeRawBufferPointer(start: start, count: Int(header.len)).prefix { $0 != 0 }
                let copy = FileEvent(watch: header.wd, kind: kind, name: Array(name))
                for client in header.wd < 0 ? Set(clients.keys) : watchers[header.wd] ?? [] {
                    events[client, default: []].append(copy)
                }
                if kind.contains(.ignored), watchers.removeValue(forKey: header.wd) != nil { deadWatches += 1 }
            }
            for (client, events) in events { clients[client]?(events) }
            if deadWatches > Self.mostDeadWatches { startAnew() }
        }

        private mutating func startAnew() {
            stop()
            let isStarted = (try? start()) != nil
            let event = FileEvent(watch: -1, kind: isStarted ? .reset : [.reset, .ignored])
            for deliver in clients.values { deliver([event]) }
            if !isStarted { clients = [:] }
        }

        private static func inotifyDescriptors() -> Set<Int32> {
            guard let directory = try? Directory.open("/proc/self/fd"), let names = try? directory.textNames() else {
                return []
            }
            return Set(
                names.compactMap { name in
                    var target = [CChar](repeating: 0, count: 64)
                    guard readlinkat(directory.descriptor, name, &target, target.count - 1) > 0,
                        strcmp(target, "anon_inode:inotify") == 0
                    else { return nil }
                    return Int32(name)
                }
            )
        }
    }
}
#endif
