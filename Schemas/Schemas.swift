/// Every format that is kept or exchanged, in its own language, as text embedded in the code.
public enum Schemas {
    /// The SQL of the catalog's first version.
    public static var catalogV1: String { text(PackageResources.catalog_v1_sql) }

    /// The JSON Schema of the configuration file.
    public static var config: String { text(PackageResources.config_schema_json) }
    /// The JSON Schema of a line of `qstore events --json`.
    public static var event: String { text(PackageResources.event_schema_json) }
    /// The JSON Schema of a line of `qstore files --json`.
    public static var files: String { text(PackageResources.files_schema_json) }
    /// The JSON Schema of the result of `qstore status --json`.
    public static var status: String { text(PackageResources.status_schema_json) }
    /// The JSON Schema of a line of `qstore ls --json`.
    public static var list: String { text(PackageResources.ls_schema_json) }
    /// The JSON Schema of the result of `qstore save --json`.
    public static var save: String { text(PackageResources.save_schema_json) }
    /// The JSON Schema of a line of `qstore quarantine ls --json`.
    public static var quarantine: String { text(PackageResources.quarantine_schema_json) }
    /// The JSON Schema of a line of the log with `--log-format json`.
    public static var log: String { text(PackageResources.log_schema_json) }

    /// The SQL that keeps the files of a model's column right: a template, filled in for each table and column.
    public static var modelFieldV1: String { text(PackageResources.model_field_v1_sql) }

    /// The SQL of the table of files that came in through drop folders without a model.
    public static var ingestedFileV1: String { text(PackageResources.ingested_file_v1_sql) }

    /// The SQL of the tables of files in an SQLite database: a template, filled in with the tables' names.
    public static var storedFileV1: String { text(PackageResources.stored_file_v1_sql) }

    /// The SQL of the tables of files in a PostgreSQL database: a template, filled in with the tables' names.
    public static var storedFilePostgresV1: String { text(PackageResources.stored_file_postgres_v1_sql) }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
