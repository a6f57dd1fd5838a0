/// What a model's file field may be declared as: a ``QueuedFieldFile``, or an optional one.
public protocol QueuedFieldValue: Sendable {
    /// The field.
    associatedtype Field: QueuedFileField
    /// The file; nil if there is none.
    var fieldFile: QueuedFieldFile<Field>? { get }
    /// Makes a value.
    ///
    /// - Parameter fieldFile: The file; nil for none.
    init(fieldFile: QueuedFieldFile<Field>?)
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension QueuedFieldFile: QueuedFieldValue {
    public var fieldFile: QueuedFieldFile<Field>? { isEmpty ? nil : self }

    public init(fieldFile: QueuedFieldFile<Field>?) { self = fieldFile ?? Self() }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Optional: QueuedFieldValue where Wrapped: QueuedFieldValue {
    public var fieldFile: QueuedFieldFile<Wrapped.Field>? { self?.fieldFile }

    public init(fieldFile: QueuedFieldFile<Wrapped.Field>?) { self = fieldFile.map { Wrapped(fieldFile: $0) } }
}
