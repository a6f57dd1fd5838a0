/// What went wrong in a storage, with which file, and why.
///
/// Branch on the ``code``; log the description, a sentence without secrets.
public struct StorageError: Error, Sendable {
    /// What kind of failure it was.
    public let code: Code
    /// The file's name, if it is about one.
    public let name: String?
    /// The sentence: what failed, on what, and why.
    public let message: String
    /// How long the storage asks to be left alone, where it says so.
    public let retryAfter: Duration?
    /// What the operating system or library said, if there is more to know.
    public let cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: What kind of failure it was.
    ///   - name: The file's name, if it is about one.
    ///   - message: The sentence: what failed, on what, and why; without secrets.
    ///   - retryAfter: How long the storage asks to be left alone.
    ///   - cause: What the operating system or library said.
    public init(
        _ code: Code,
        name: String? = nil,
        _ message: String,
        retryAfter: Duration? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.name = name
        self.message = message
        self.retryAfter = retryAfter
        self.cause = cause
    }
}

extension StorageError {
    /// The kinds of failure; each says whether trying again can help.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case notFound, alreadyExists, invalidName, notSupported, isDirectory, notADirectory, denied, full, offline
            case throttled, timedOut, damaged, failed, invalidConfiguration
        }
        private let kind: Kind
        /// The code's name, as in logs and the catalog.
        public var description: String { kind.rawValue }

        /// No file has the name; trying again doesn't help.
        public static let notFound = Self(kind: .notFound)
        /// The name is taken; another name helps.
        public static let alreadyExists = Self(kind: .alreadyExists)
        /// The name isn't allowed, or leads out of the storage; trying again doesn't help.
        public static let invalidName = Self(kind: .invalidName)
        /// The storage can't do this at all; trying again doesn't help.
        public static let notSupported = Self(kind: .notSupported)
        /// A directory stands where a file is wanted; trying again doesn't help.
        public static let isDirectory = Self(kind: .isDirectory)
        /// A file stands where a directory is wanted; trying again doesn't help.
        public static let notADirectory = Self(kind: .notADirectory)
        /// Credentials or permissions don't allow it; trying again doesn't help until somebody changes them.
        public static let denied = Self(kind: .denied)
        /// No room, or a quota is used up; trying again later may help.
        public static let full = Self(kind: .full)
        /// The storage can't be reached at all; trying again later helps, and doesn't count as an attempt.
        public static let offline = Self(kind: .offline)
        /// The storage asks to be left alone for a while; trying again later helps.
        public static let throttled = Self(kind: .throttled)
        /// No progress was made for too long; trying again may help.
        public static let timedOut = Self(kind: .timedOut)
        /// The bytes are not those that were expected; trying again may help.
        public static let damaged = Self(kind: .damaged)
        /// An input or output operation failed; trying again may help.
        public static let failed = Self(kind: .failed)
        /// The storage's options are wrong; trying again doesn't help.
        public static let invalidConfiguration = Self(kind: .invalidConfiguration)
    }
}

extension StorageError: CustomStringConvertible {
    /// The sentence, and what caused it.
    public var description: String {
        if let cause { "\(message) (\(cause))" } else { message }
    }
}

extension StorageError: Equatable {
    /// Compares what the errors are about; the causes are left out.
    public static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.code == rhs.code && lhs.name == rhs.name && lhs.message == rhs.message
    }
}
