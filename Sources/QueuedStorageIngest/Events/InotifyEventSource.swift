import CLinux
import Foundation
import Glibc
import QueuedStorageCore
import Synchronization

/// Linux's inotify, without a library; each drop folder has a descriptor and a thread of its own.
///
/// Source: inotify(7).
public struct InotifyEventSource: FileEventSource {
    /// The source's name.
    public let name = "inotify"
    /// False: the kernel says what happens.
    public let polls = false

    /// Makes the source.
    public init() {}

    /// Begins to watch.
    ///
    /// - Parameter deliver: Is called, on a thread of the source's own, with what happened.
    /// - Returns: The open stream.
    /// - Throws: ``FileEventError`` with ``FileEventError/Code/limitReached`` if the user has too many already.
    public func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws -> any FileEventStream {
        let stream = try Stream(deliver)
        Thread(block: stream.run).startNamed("qstore-inotify")
        return stream
    }

    private final class Stream: FileEventStream {
        private let inotify: OpenFile
        private let wakeable: WakeableDescriptor
        private let deliver: @Sendable ([FileEvent]) -> Void
        private let isClosed = Atomic(false)
        private let ended = DispatchSemaphore(value: 0)

        init(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws {
            let descriptor = inotifyCreation.withLock { _ in inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) }
            guard descriptor >= 0 else { throw FileEventError(errno: errno, "inotify_init1") }
            inotify = OpenFile(descriptor)
            wakeable = try WakeableDescriptor()
            self.deliver = deliver
        }

        func watch(_ directory: [UInt8]) throws -> Int32 {
            let mask = FileEvent.Kind.wanted.rawValue | UInt32(IN_ONLYDIR) | UInt32(IN_DONT_FOLLOW)
            let watch = withPath(directory) { inotify_add_watch(inotify.descriptor, $0, mask) }
            guard watch >= 0 else { throw FileEventError(errno: errno, "inotify_add_watch") }
            return watch
        }

        func unwatch(_ watch: Int32) { inotify_rm_watch(inotify.descriptor, watch) }

        func close() {
            guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
            wakeable.wakeUp()
            ended.wait()
        }

        @Sendable func run() {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while !isClosed.load(ordering: .sequentiallyConsistent) {
                let count = buffer.withUnsafeMutableBytes { read(inotify.descriptor, $0.baseAddress, $0.count) }
                if count > 0 {
                    deliver(buffer.withUnsafeBytes { Self.events(UnsafeRawBufferPointer(rebasing: $0[..<count])) })
                } else {
                    wakeable.wait(for: inotify.descriptor)
                }
            }
            ended.signal()
        }

        /// The events in what the kernel wrote: a header of 16 bytes each, and a name padded with zeros.
        private static func events(_ bytes: UnsafeRawBufferPointer) -> [FileEvent] {
            var events: [FileEvent] = []
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= bytes.count {
                let header = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                let start = offset + MemoryLayout<inotify_event>.size
                let name = bytes[start..<(start + Int(header.len))].prefix { $0 != 0 }
                events.append(
                    FileEvent(watch: header.wd, kind: FileEvent.Kind(rawValue: header.mask), name: Array(name))
                )
                offset = start + Int(header.len)
            }
            return events
        }
    }
}

extension FileEventSource where Self == InotifyEventSource {
    /// Linux's inotify, without a library.
    public static var inotify: Self { Self() }
}

extension Thread {
    /// Starts a thread that debuggers and `ps -L` show under a name of at most 15 bytes.
    func startNamed(_ name: String) {
        self.name = name
        stackSize = 512 << 10
        start()
    }
}
