/// What is wrong with a model or the file in one of its fields.
public struct ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of error; trying again helps with none.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String { case noFile, notStaged, noPath, noTriggers, wrongTable, wrongCatalog }
        private let kind: Kind
        /// The code's name.
        public var description: String { kind.rawValue }

        /// The field is empty.
        public static let noFile = Self(kind: .noFile)
        /// The field has content whose bytes aren't kept yet: save with ``Model/save(in:)``, or stage it first.
        public static let notStaged = Self(kind: .notStaged)
        /// The field's local storage has no paths.
        public static let noPath = Self(kind: .noPath)
        /// The field's column has no triggers, or others than it needs: a migration must make them.
        public static let noTriggers = Self(kind: .noTriggers)
        /// The table doesn't have what a field needs: its column, or a primary key of one column.
        public static let wrongTable = Self(kind: .wrongTable)
        /// The field's storage has another catalog than the one to save in.
        public static let wrongCatalog = Self(kind: .wrongCatalog)
    }

    /// What kind of error it is.
    public let code: Code
    /// The sentence: what is wrong, with what, and what to do.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
