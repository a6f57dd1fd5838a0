import QueuedStorageCore

/// Why a drop folder can't be watched, or its quarantine can't be changed.
public struct DropFolderError: Error, Sendable {
    /// What kind of failure it was.
    public let code: Code
    /// The drop folder's path or the option's name.
    public let subject: String
    /// The sentence: what failed, on what, and why.
    public let message: String
    /// What the operating system said, if there is more to know.
    public let cause: (any Error)?

    package init(_ code: Code, _ subject: String, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.subject = subject
        self.message = message
        self.cause = cause
    }

    static func invalidOption(_ option: String, _ value: String, _ reason: String) -> Self {
        Self(.invalidOption, option, "\"\(value)\" isn't a \(option): \(reason)")
    }
}

extension DropFolderError {
    /// The kinds of failure; each says whether trying again can help.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case alreadyWatched, unavailable, overlapping, denied, invalidOption, notFound, nameTaken
        }
        private let kind: Kind
        /// The code's name, as in logs.
        public var description: String { kind.rawValue }

        /// Another process watches the folder; trying again helps when it has ended (exit code 75).
        public static let alreadyWatched = Self(kind: .alreadyWatched)
        /// The folder isn't there, or isn't a directory; trying again helps when it is.
        public static let unavailable = Self(kind: .unavailable)
        /// The folder lies in a storage's location or the reverse; trying again doesn't help (exit code 3).
        public static let overlapping = Self(kind: .overlapping)
        /// Permissions don't allow it; trying again doesn't help until somebody changes them.
        public static let denied = Self(kind: .denied)
        /// An option's value can't be understood; trying again doesn't help (exit code 3).
        public static let invalidOption = Self(kind: .invalidOption)
        /// The quarantine has no such file; trying again doesn't help.
        public static let notFound = Self(kind: .notFound)
        /// The drop folder has a new file of that name; trying again helps when that one was taken.
        public static let nameTaken = Self(kind: .nameTaken)
    }
}

extension DropFolderError: CustomStringConvertible {
    /// The sentence, and what caused it.
    public var description: String {
        if let cause { "\(message) (\(cause))" } else { message }
    }
}
