/// What went wrong in a catalog, and why.
public struct CatalogError: Error, Sendable {
    /// What kind of failure it was.
    public let code: Code
    /// The sentence: what failed, on what, and why.
    public let message: String
    /// What the database said.
    public let cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: What kind of failure it was.
    ///   - message: The sentence: what failed, on what, and why.
    ///   - cause: What the database said.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension CatalogError {
    /// The kinds of failure; each says whether trying again can help.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case nameTaken, unsettled, unknownStorage, wrongLocation, wrongRemote, newerSchema, notACatalog, missing
            case busy, full, notDurable, unavailable, outcomeUnknown
        }
        private let kind: Kind
        /// The code's name.
        public var description: String { kind.rawValue }

        /// Another file of the storage has the name, or one that is being deleted still has bytes under it.
        public static let nameTaken = Self(kind: .nameTaken)
        /// A file can't be replaced while its present bytes still wait for their name; trying again helps once they are
        /// placed and settled.
        public static let unsettled = Self(kind: .unsettled)
        /// No storage has the alias; trying again doesn't help.
        public static let unknownStorage = Self(kind: .unknownStorage)
        /// The local directory isn't the one that the catalog knows under the alias; trying again doesn't help.
        public static let wrongLocation = Self(kind: .wrongLocation)
        /// The remote isn't the one that the catalog knows under the alias; trying again doesn't help.
        public static let wrongRemote = Self(kind: .wrongRemote)
        /// A newer version of this software made the catalog; trying again doesn't help.
        public static let newerSchema = Self(kind: .newerSchema)
        /// The file isn't a database, or not one with a catalog; trying again doesn't help.
        public static let notACatalog = Self(kind: .notACatalog)
        /// There is no database, and none may be made; trying again doesn't help.
        public static let missing = Self(kind: .missing)
        /// Another process keeps the database locked; trying again helps.
        public static let busy = Self(kind: .busy)
        /// The disk that holds the database is full; trying again later may help.
        public static let full = Self(kind: .full)
        /// The connection would not make a commit durable; trying again doesn't help.
        public static let notDurable = Self(kind: .notDurable)
        /// The database can't be used now; trying again may help.
        public static let unavailable = Self(kind: .unavailable)
        /// A commit failed and nobody can say yet whether it happened; the bytes are kept, and recovery will decide.
        public static let outcomeUnknown = Self(kind: .outcomeUnknown)
    }
}

extension CatalogError: CustomStringConvertible {
    /// The sentence, and what caused it.
    public var description: String {
        if let cause { "\(message) (\(cause))" } else { message }
    }
}
