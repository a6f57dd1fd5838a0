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

    /// Knows nothing yet.
    public init() {}

    /// What this module has: ``FileSystemStorage``, ``Transfer`` and ``TransferAndDelete``.
    public static var builtIn: StorageTypes {
        var types = StorageTypes()
        types.register("FileSystemStorage", "django.core.files.storage.FileSystemStorage") { options in
            let storage = FileSystemStorage(
                location: try options.string("location") ?? ".",
                baseURL: try options.string("baseURL", "base_url"),
                fileMode: try options.integer("fileMode", "file_permissions_mode") ?? 0o644,
                directoryMode: try options.integer("directoryMode", "directory_permissions_mode"),
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

    func make(_ name: String?, _ options: [String: OptionValue], role: String) throws -> any Storage {
        guard let name, !name.isEmpty else {
            throw StorageError(.invalidConfiguration, "the queued storage doesn't define its \(role) storage")
        }
        guard let ours = names[name], let maker = makers[ours] else {
            throw StorageError(
                .invalidConfiguration,
                "\"\(name)\" is no kind of storage; known are \(makers.keys.sorted().joined(separator: ", "))"
            )
        }
        var reader = StorageOptionReader(type: ours, options)
        return try maker(&reader)
    }

    func task(_ name: String) throws -> any TransferTask {
        guard let task = tasks[name] else {
            let known = Set(tasks.values.map(\.name)).sorted().joined(separator: ", ")
            throw StorageError(.invalidConfiguration, "\"\(name)\" is no task; known are \(known)")
        }
        return task
    }
}
