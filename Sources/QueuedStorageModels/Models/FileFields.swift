import QueuedStorageCore

/// The file fields of a model.
///
/// ```swift
/// static let fileFields = FileFields<Photo>(\.image, \.thumbnail)
/// ```
/// A field's column has the name of its property. Where coding keys give it another, name it:
/// `FileFields<Photo>(FileFields.Column("img", \.image))`.
public struct FileFields<Root: Sendable>: Sendable {
    let fields: [FileField<Root>]

    /// Lists file fields.
    ///
    /// - Parameter properties: The properties, stored ones of the model itself, each of a ``QueuedFieldFile`` or an
    ///   optional one.
    public init<each Value: QueuedFieldValue>(_ properties: repeat any WritableKeyPath<Root, each Value> & Sendable) {
        var fields: [FileField<Root>] = []
        for property in repeat each properties { fields.append(FileField(Self.name(of: property), property)) }
        self.fields = fields
    }

    /// Lists file fields with the names of their columns.
    ///
    /// - Parameter columns: The columns.
    public init(_ columns: Column...) { fields = columns.map(\.field) }

    /// A file field and the name of its column.
    public struct Column: Sendable {
        let field: FileField<Root>

        /// Names a field's column.
        ///
        /// - Parameters:
        ///   - name: The column's name.
        ///   - property: The property.
        public init<Value: QueuedFieldValue>(
            _ name: String,
            _ property: any WritableKeyPath<Root, Value> & Sendable
        ) {
            field = FileField(name, property)
        }
    }

    /// The name of a stored property: what its description says after the dot.
    ///
    /// Source: SE-0369, whose descriptions of key paths need the reflection metadata that compilers emit by default.
    private static func name(of property: AnyKeyPath) -> String {
        let name = property.debugDescription.split(separator: ".").last.map(String.init) ?? ""
        precondition(
            name.unicodeScalars.allSatisfy { $0.properties.isXIDContinue },
            "the name of the property \(property) can't be told; use FileFields(FileFields.Column(\"name\", …))"
        )
        return name
    }
}

/// A file field of a model, whatever its type.
struct FileField<Root: Sendable>: Sendable {
    let column: String
    let property: any PartialKeyPath<Root> & Sendable
    let fieldType: any QueuedFileField.Type
    let onDelete: FilePolicy
    let onReplace: FilePolicy
    /// The field's settings now: a computed storage may be another one every time.
    let settings: @Sendable () -> FieldSettings
    let get: @Sendable (Root) -> FieldContent
    let set: @Sendable (inout Root, FieldContent) -> Void

    init<Value: QueuedFieldValue>(_ column: String, _ property: any WritableKeyPath<Root, Value> & Sendable) {
        self.column = column
        self.property = property
        fieldType = Value.Field.self
        onDelete = Value.Field.onDelete
        onReplace = Value.Field.onReplace
        settings = { FieldSettings(Value.Field.self) }
        get = { $0[keyPath: property].fieldFile?.content ?? .empty }
        set = { root, content in
            let file = QueuedFieldFile<Value.Field>(content)
            root[keyPath: property] = Value(fieldFile: file.isEmpty ? nil : file)
        }
    }
}
