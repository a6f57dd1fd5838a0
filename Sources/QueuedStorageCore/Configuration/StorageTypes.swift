/// The kinds of storages and tasks that a configuration can name.
///
/// Each goes by our name and by the dotted path of the original that it succeeds, so that configurations of
/// django-queued-storage can be carried over.
public struct StorageTypes: Sendable {
    /// Makes a storage of its options.
    public typealias Maker = @Sendable (inout StorageOptionReader) throws -> any Storage

    private var names: [String: String] = [:]
    private var makers: [String: Maker] = [:]
    private var tasks: [String: any TransferTask] = [:]
    /// The kinds of addresses that can be written instead of a kind and its options.
    public private(set) var schemes: [StorageScheme] = []

    /// Knows nothing yet.
    public init() {}

    /// What this module has: ``FileSystemStorage``, ``Transfer`` and ``TransferAndDelete``.
    public static var builtIn: StorageTypes {
        var types = StorageTypes()
        types.register("FileSystemStorage", "django.core.files.storage.FileSystemStorage") { options in
            let storage = FileSystemStorage(
                location: try options.string("location") ?? ".",
                baseURL: try options.string("baseURL", "base_url"),
                fileMode: try options.integer("fileMode", "file_permissions_mode", in: 0...0o7777) ?? 0o644,
                directoryMode: try options.integer(
                    "directoryMode",
                    "directory_permissions_mode",
                    in: 0...0o7777
                ),
                allowOverwrite: try options.bool("allowOverwrite", "allow_overwrite") ?? false,
                createsLocation: try options.bool("createsLocation") ?? true
            )
            try options.finish(
                known: "location, baseURL, fileMode, directoryMode, allowOverwrite, createsLocation"
            )
            return storage
        }
        types.register(Transfer(), "queued_storage.tasks.Transfer")
        types.register(TransferAndDelete(), "queued_storage.tasks.TransferAndDelete")
        return types
    }

    /// Adds a kind of storage.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - originals: The dotted paths of the originals that it succeeds.
    ///   - make: Makes one of its options, asking for each, and refusing the rest.
    public mutating func register(_ name: String, _ originals: String..., make: @escaping Maker) {
        for name in originals + [name] { names[name] = name }
        for original in originals { names[original] = name }
        makers[name] = make
    }

    /// Adds a task.
    ///
    /// - Parameters:
    ///   - task: The task.
    ///   - originals: The dotted paths of the originals that it succeeds.
    public mutating func register(_ task: any TransferTask, _ originals: String...) {
        for name in originals + [task.name] { tasks[name] = task }
    }

    /// Adds a kind of address.
    ///
    /// - Parameter scheme: The kind of address; its kind of storage is registered, too.
    public mutating func register(_ scheme: StorageScheme) { schemes.append(scheme) }

    /// The kind of storage, and its options, that an address says.
    ///
    /// - Parameter url: The address.
    /// - Returns: The kind's name, and the options.
    /// - Throws: ``StorageURLError`` if the scheme isn't known, or what is wrong with the address.
    public func read(_ url: StorageURL) throws -> (type: String, options: [String: OptionValue]) {
        guard let scheme = schemes.first(where: { $0.names.contains(url.scheme ?? "") }) else {
            let known = (["file:///directory"] + schemes.map(\.form)).joined(separator: ", ")
            throw StorageURLError(
                "has the scheme \"\(url.scheme ?? "")\", which isn't known; known are \(known), and plain paths"
            )
        }
        return (scheme.type, try scheme.options(of: url))
    }

    /// Makes a storage.
    ///
    /// - Parameters:
    ///   - name: The kind's name, ours or the dotted path of the original that it succeeds.
    ///   - options: The storage's options.
    ///   - secrets: The storage's secrets.
    /// - Returns: The storage; nothing is connected yet.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names what is wrong.
    public func storage(
        _ name: String,
        _ options: [String: OptionValue],
        secrets: StorageSecrets = .none
    ) throws -> any Storage {
        guard let ours = names[name], let maker = makers[ours] else {
            throw StorageError(
                .invalidConfiguration,
                "\"\(name)\" is no kind of storage; known are \(makers.keys.sorted().joined(separator: ", "))"
            )
        }
        var reader = StorageOptionReader(type: ours, options, secrets: secrets)
        return try maker(&reader)
    }

    func make(
        _ name: String?,
        _ options: [String: OptionValue],
        role: String,
        secrets: StorageSecrets
    ) throws -> any Storage {
        guard let name, !name.isEmpty else {
            throw StorageError(.invalidConfiguration, "the queued storage doesn't define its \(role) storage")
        }
        return try storage(name, options, secrets: secrets)
    }

    func task(_ name: String) throws -> any TransferTask {
        guard let task = tasks[name] else {
            let known = Set(tasks.values.map(\.name)).sorted().joined(separator: ", ")
            throw StorageError(.invalidConfiguration, "\"\(name)\" is no task; known are \(known)")
        }
        return task
    }
}
