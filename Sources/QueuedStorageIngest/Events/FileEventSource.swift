/// Tells what happens in directories.
///
/// An implementer reports what the kernel says and keeps no paths: which watch is which directory, what lies below it,
/// renames and lost events are the drop folder's business. Duplicates do no harm; a report that may have been lost
/// must be followed by one with ``FileEvent/Kind/overflow``.
public protocol FileEventSource: Sendable {
    /// The source's name, as in logs.
    var name: String { get }

    /// How often a folder must be looked through because events don't arrive; nil if they do.
    var polls: Bool { get }

    /// Begins to watch; no directory yet. Blocks.
    ///
    /// - Parameter deliver: Is called, on any thread but never on two at a time, with what happened; it returns soon.
    /// - Returns: The open stream.
    /// - Throws: ``FileEventError``.
    func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws -> any FileEventStream
}

/// An open source of events.
public protocol FileEventStream: Sendable {
    /// Watches a directory, not what lies below it. When this returns, everything that happens is reported. Blocks.
    ///
    /// - Parameter directory: The directory's absolute path, as the file system's bytes.
    /// - Returns: The number that its events will carry; that of before if it is watched already.
    /// - Throws: ``FileEventError``.
    func watch(_ directory: [UInt8]) throws -> Int32

    /// Watches a directory no longer. Blocks.
    ///
    /// - Parameter watch: What ``watch(_:)`` returned.
    func unwatch(_ watch: Int32)

    /// Ends it; nothing is delivered any more when this returns. Blocks.
    func close()
}

/// Something that happened in a watched directory.
public struct FileEvent: Hashable, Sendable {
    /// What happened; the bits are inotify's.
    ///
    /// Source: inotify(7).
    public struct Kind: OptionSet, Hashable, Sendable {
        /// The bits, as in inotify(7).
        public let rawValue: UInt32

        /// Makes a set of bits.
        ///
        /// - Parameter rawValue: The bits, as in inotify(7).
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// A file that was open for writing was closed.
        public static let closedAfterWriting = Self(rawValue: 0x0000_0008)
        /// Something was moved out of the directory.
        public static let movedFrom = Self(rawValue: 0x0000_0040)
        /// Something was moved into the directory.
        public static let movedTo = Self(rawValue: 0x0000_0080)
        /// Something was made in, or linked into the directory.
        public static let created = Self(rawValue: 0x0000_0100)
        /// Something in the directory was deleted.
        public static let deleted = Self(rawValue: 0x0000_0200)
        /// The watched directory itself was deleted.
        public static let deletedSelf = Self(rawValue: 0x0000_0400)
        /// The watched directory itself was moved.
        public static let movedSelf = Self(rawValue: 0x0000_0800)
        /// The file system was unmounted.
        public static let unmounted = Self(rawValue: 0x0000_2000)
        /// Events were lost: anything may have happened.
        public static let overflow = Self(rawValue: 0x0000_4000)
        /// The watch is gone.
        public static let ignored = Self(rawValue: 0x0000_8000)
        /// The event is about a directory.
        public static let isDirectory = Self(rawValue: 0x4000_0000)
        /// All watches are gone, and events may be lost; no bit of inotify's.
        public static let reset = Self(rawValue: 0x8000_0000)

        /// What a drop folder asks the kernel for.
        static let wanted: Self = [
            .closedAfterWriting, .movedFrom, .movedTo, .created, .deleted, .deletedSelf, .movedSelf,
        ]
    }

    /// The directory's watch; -1 if the event is about none.
    public var watch: Int32
    /// What happened.
    public var kind: Kind
    /// The name in the directory, as the file system's bytes; empty if it is about the directory itself.
    public var name: [UInt8]

    /// Makes an event.
    ///
    /// - Parameters:
    ///   - watch: The directory's watch.
    ///   - kind: What happened.
    ///   - name: The name in the directory.
    public init(watch: Int32, kind: Kind, name: [UInt8] = []) {
        self.watch = watch
        self.kind = kind
        self.name = name
    }
}

/// Why a directory can't be watched.
public struct FileEventError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// The kernel allows no more watches or watchers; polling is what is left.
        case limitReached
        /// The directory isn't there any more, or isn't a directory.
        case gone
        /// Permissions don't allow it.
        case denied
        /// The source doesn't work in this process.
        case unavailable
    }

    /// What kind of failure it was.
    public let code: Code
    /// The sentence: what failed, and why.
    public let description: String

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: What kind of failure it was.
    ///   - description: The sentence.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
