/// Every format that is kept or exchanged, in its own language, as text embedded in the code.
public enum Schemas {
    /// The SQL of the catalog's first version.
    public static var catalogV1: String { text(PackageResources.catalog_v1_sql) }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
