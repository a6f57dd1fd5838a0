import QueuedStorageCore
import TestSupport

/// Where we do something else than what was observed, and why.
///
/// Everything that isn't here behaves the same.
struct Deviation: Sendable {
    /// What we do.
    enum Instead: Sendable {
        case value(JSON)
        case error(StorageError.Code)
        /// For scenarios: the outcome of single steps, by their number.
        case steps([Int: StorageError.Code])
        /// There is nothing of the kind in Swift.
        case nothing
    }

    /// The vectors of the published file that it is about; others may follow the same rule.
    var ids: [String]
    var why: String
    var instead: Instead
    /// Whether it is about a vector.
    var applies: @Sendable (Vector) -> Bool

    static func of(_ vector: Vector) -> Deviation? {
        all.first { $0.ids.contains(vector.id) || $0.applies(vector) }
    }

    static let all: [Deviation] = [
        Deviation(
            ids: ["validate_file_name/024"],
            why: "No file system can have a NUL in a name, so that it is refused before anything is tried.",
            instead: .error(.invalidName)
        ) { vector in
            ["validate_file_name", "get_available_name", "safe_join", "path", "url", "uploaded_file_name"]
                .contains(vector.group) && vector.input.name?.string?.unicodeScalars.contains("\0") == true
        },
        Deviation(
            ids: [],
            why: "The storage's private folder can't be named by anybody (P9).",
            instead: .error(.invalidName)
        ) { vector in
            vector.input.name?.string?.split(separator: "/").contains(".qstore") == true
        },
        Deviation(
            ids: ["url/006", "url/014", "url/022", "url/030", "url/038", "url/046"],
            why: "An address doesn't leave the base address: the name is refused (P9).",
            instead: .error(.invalidName)
        ) { $0.group == "url" && $0.verdict == "beat" },
        Deviation(
            ids: ["storage_scenario/006", "storage_scenario/017"],
            why: "An address doesn't leave the base address: the name is refused (P9).",
            instead: .steps([9: .invalidName])
        ) { _ in false },
        Deviation(
            ids: ["storage_scenario/018"],
            why: "In memory as on disk, a file in the way is said to be one.",
            instead: .steps([1: .notADirectory, 2: .notADirectory])
        ) { _ in false },
        Deviation(
            ids: ["storage_scenario/016"],
            why: "Deleting the empty name is an error in every storage: it is never what was meant.",
            instead: .steps([4: .invalidName])
        ) { _ in false },
        Deviation(
            ids: ["path/007"],
            why: "A storage without paths isn't a LocalPathStorage, so that asking it for one doesn't compile.",
            instead: .nothing
        ) { $0.group == "path" && $0.error == "NotImplementedError" },
        Deviation(
            ids: (1...8).map { "base_class_abstract/00\($0)" },
            why: "A type that leaves out a requirement of the protocol doesn't compile.",
            instead: .nothing
        ) { $0.group == "base_class_abstract" },
        Deviation(
            ids: ["file_default_chunk/001"],
            why: "Buffers of 256 KiB are measurably faster, and not yet too large.",
            instead: .value(262_144)
        ) { _ in false },
        Deviation(
            ids: ["file_bool/001", "file_bool/002", "file_bool/003"],
            why: "Content has no name and no truth value; a missing file is nil.",
            instead: .nothing
        ) { $0.group == "file_bool" },
        Deviation(
            ids: ["file_size/001"],
            why: "Content is a value that nobody writes to; what is written goes through a FileWriter.",
            instead: .nothing
        ) { $0.group == "file_size" },
    ]
}

extension StorageError.Code {
    /// The codes that say what one of the original's errors says.
    static func like(_ error: String) -> [StorageError.Code] {
        switch error {
        case "SuspiciousFileOperation": [.invalidName]
        case "FileNotFoundError": [.notFound]
        // A directory that is a file is what the original says by this of a name's directories.
        case "FileExistsError": [.notADirectory, .alreadyExists]
        case "NotADirectoryError": [.notADirectory]
        case "IsADirectoryError": [.isDirectory]
        case "PermissionError": [.denied]
        case "OSError": [.isDirectory, .failed]
        case "ValueError": [.invalidName, .notSupported]
        default: []
        }
    }
}
