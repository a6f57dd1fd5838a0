import FoundationEssentials
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import Yams

/// Reads `qstore.yaml`: `Schemas/json/config.schema.json` has its shape.
struct ConfigurationFile {
    /// The path as the user knows it, for errors.
    let name: String
    /// The absolute path of the directory that it lies in, where relative paths begin.
    let base: String
    /// The environment variables, where secrets are.
    var environment: [String: String] = [:]

    /// The largest file that is read, in bytes.
    private static let largest = 1 << 20

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - environment: The environment variables, where secrets are.
    /// - Returns: What it declares.
    /// - Throws: ``CommandFailure`` with the file, the line, the key, and what is allowed.
    static func load(_ path: String, _ environment: [String: String]) throws -> Declarations {
        let absolute = FileName.absolute(path)
        let file = Self(name: path, base: FileName.split(absolute).directory, environment: environment)
        return try file.declarations(try file.text())
    }

    private func text() throws -> String {
        let descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            let advice = errno == ENOENT ? "; make one with: qstore init \(Text.shellQuoted(name))" : ""
            throw CommandFailure(
                .configuration,
                "the configuration \"\(Text.escaped(name))\" can't be read: \(reason)\(advice)"
            )
        }
        let file = OpenFile(descriptor)
        guard try file.status().isRegularFile else {
            throw CommandFailure(.configuration, "the configuration \"\(Text.escaped(name))\" isn't a file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= Self.largest {
            let count = buffer.withUnsafeMutableBytes { read(file.descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw SystemError(errno, "read") }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        guard bytes.count <= Self.largest else {
            throw CommandFailure(.configuration, "the configuration \"\(Text.escaped(name))\" is larger than 1 MiB")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.configuration, "the configuration \"\(Text.escaped(name))\" isn't UTF-8 text")
        }
        return text
    }

    /// Reads the text of a file.
    func declarations(_ text: String) throws -> Declarations {
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch let error as YamlError {
            throw CommandFailure(.configuration, "\(name):\(Self.line(of: error)): \(Self.sentence(error))")
        }
        guard let root else {
            throw CommandFailure(
                .configuration,
                "\(name):1: is empty; make a commented one with: qstore init OTHER.yaml"
            )
        }
        let keys = ["database", "workers", "drainTimeout", "eventRetention", "storages", "dropFolders"]
        let section = try Section(root, file: name, path: "", keys: keys)
        guard let database = try section.string("database") else {
            throw CommandFailure(.configuration, "\(name):1: database: is missing; it is the path of the database file")
        }
        var declarations = Declarations(file: name, database: absolutePath(database, from: base))
        declarations.workers = try section.integer("workers", in: 1...1024)
        declarations.drainTimeout = try section.duration("drainTimeout")
        declarations.eventRetention = try section.duration("eventRetention")
        guard let storages = try section.section("storages", keys: nil) else {
            throw CommandFailure(
                .configuration,
                "\(name):1: storages: is missing; it has an alias for each storage, and below it local and remote"
            )
        }
        declarations.storages = try storages.keys.map { try storage($0, in: storages) }
        try refuseSharedVariables(storages)
        guard !declarations.storages.isEmpty else { throw section.origin("storages").failure("has nothing in it") }
        if let folders = try section.section("dropFolders", keys: nil) {
            declarations.dropFolders = try folders.keys.map {
                try dropFolder($0, in: folders, storages: declarations.storages.map(\.alias))
            }
        }
        return declarations
    }

    // MARK: YAML's own errors

    private static func line(of error: YamlError) -> Int {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: 1
        }
    }

    private static func sentence(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, _, _):
            problem.contains("mapping values are not allowed")
                ? "a value with a colon in it needs quotes, or the line isn't indented like its neighbours"
                : "isn't YAML: \(problem)"
        case .parser(_, let problem, _, _), .composer(_, let problem, _, _): "isn't YAML: \(problem)"
        case .reader(let problem, _, _, _): "isn't YAML: \(problem)"
        case .duplicatedKeysInMapping(let keys, _):
            "the key \(keys.map { "\($0)" }.sorted().joined(separator: ", ")) stands here twice"
        default: "isn't YAML"
        }
    }

    // MARK: Storages

    private static let storageKeys = [
        "local", "remote", "delayed", "task", "retries", "retryDelay", "localGrace", "durabilityGrace",
        "verification", "rateLimit", "preferredSide", "hashesOnSave", "stallTimeout", "attemptTimeout", "cachePrefix",
        "baseURL", "localBaseURL",
    ]

    private func storage(_ alias: String, in storages: Section) throws -> StorageDeclaration {
        let origin = storages.origin(alias)
        guard isAlias(alias) else {
            throw origin.failure("an alias consists of letters, digits, -, _ and ., not more than 100 bytes")
        }
        guard let section = try storages.section(alias, keys: Self.storageKeys) else {
            throw origin.failure("has nothing in it")
        }
        guard let local = try section.string("local") else {
            throw origin.failure("local is missing; it is a directory")
        }
        let remote = try remote(in: section, alias, origin)
        var storage = StorageDeclaration(
            alias: alias,
            local: absolutePath(local, from: base),
            remote: remote,
            origin: origin,
            localOrigin: section.origin("local"),
            remoteOrigin: section.origin("remote")
        )
        storage.isDelayed = try section.bool("delayed") ?? false
        storage.task = try section.choice("task", TaskName.self) ?? .transfer
        storage.baseURL = try section.string("baseURL")
        storage.localBaseURL = try section.string("localBaseURL")
        storage.options = try options(section)
        return storage
    }

    private func options(_ section: Section) throws -> QueuedStorageOptions {
        var options = QueuedStorageOptions()
        options.retries = try section.value("retries", allowed: "it is a whole number from 0, or unlimited") { text in
            text == "unlimited" ? .unlimited : Int(text).flatMap { $0 >= 0 ? .count($0) : nil }
        }
        options.retryDelay = try section.duration("retryDelay")
        if let grace = try section.duration("localGrace") { options.localGrace = grace }
        if let grace = try section.duration("durabilityGrace") { options.durabilityGrace = grace }
        if let verification = try section.choice("verification", QueuedStorageOptions.Verification.self) {
            options.verification = verification
        }
        options.rateLimit = try section.value("rateLimit", allowed: "it is such as 2/s, 10/m or 100/h") {
            try RateLimit($0)
        }
        if let side = try section.choice("preferredSide", QueuedStorageOptions.Side.self) {
            options.preferredSide = side
        }
        if let hashes = try section.bool("hashesOnSave") { options.hashesOnSave = hashes }
        if let timeout = try section.duration("stallTimeout", above: .milliseconds(1)) {
            options.stallTimeout = timeout
        }
        options.attemptTimeout = try section.duration("attemptTimeout", above: .milliseconds(1))
        options.cachePrefix = try section.string("cachePrefix")
        return options
    }

    // MARK: Drop folders

    private static let dropFolderKeys = [
        "path", "storage", "mode", "include", "exclude", "ignore", "takesHiddenFiles", "onCollision", "done", "sidecar",
        "prune", "settleTime", "rescanInterval", "pollInterval", "retryInterval", "minimumFreeBytes", "batchSize",
        "concurrency", "largeFileSize",
    ]

    private func dropFolder(_ alias: String, in folders: Section, storages: [String]) throws -> DropFolderDeclaration {
        let origin = folders.origin(alias)
        guard isAlias(alias) else {
            throw origin.failure("an alias consists of letters, digits, -, _ and ., not more than 100 bytes")
        }
        guard let section = try folders.section(alias, keys: Self.dropFolderKeys) else {
            throw origin.failure("has nothing in it")
        }
        guard let path = try section.string("path") else { throw origin.failure("path is missing; it is a directory") }
        let named = try section.string("storage")
        guard let storage = named ?? (storages.count == 1 ? storages.first : nil) else {
            throw origin.failure("storage is missing; it is one of \(storages.joined(separator: ", "))")
        }
        guard storages.contains(storage) else {
            throw section.origin("storage").failure(
                "\"\(Text.escaped(storage))\" isn't declared; it is one of \(storages.joined(separator: ", "))"
            )
        }
        var folder = DropFolderDeclaration(
            alias: alias,
            path: absolutePath(path, from: base),
            storage: storage,
            origin: section.origin("path")
        )
        folder.options = try options(ofDropFolder: section)
        return folder
    }

    private func options(ofDropFolder section: Section) throws -> DropFolderOptions {
        var options = DropFolderOptions()
        if let mode = try rule("mode", section, DropFolderOptions.Mode.init(parsing:)) { options.mode = mode }
        if let done = try rule("done", section, DropFolderOptions.Done.init(parsing:)) { options.done = done }
        if let include = try section.strings("include") { options.include = include }
        if let exclude = try section.strings("exclude") { options.exclude = exclude }
        if let ignore = try section.strings("ignore") { options.ignore = ignore }
        if let hidden = try section.bool("takesHiddenFiles") { options.takesHiddenFiles = hidden }
        if let rule = try section.choice("onCollision", DroppedFile.Collision.self) { options.onCollision = rule }
        if let sidecar = try section.choice("sidecar", DropFolderOptions.Sidecar.self) { options.sidecar = sidecar }
        if let prune = try section.bool("prune") { options.prune = prune }
        let one = Duration.milliseconds(1)
        if let time = try section.duration("settleTime") { options.settleTime = time }
        if let time = try section.duration("rescanInterval", above: one) { options.rescanInterval = time }
        if let time = try section.duration("pollInterval", above: one) { options.pollInterval = time }
        if let time = try section.duration("retryInterval", above: one) { options.retryInterval = time }
        if let count = try section.byteCount("minimumFreeBytes") { options.minimumFreeBytes = count }
        if let count = try section.byteCount("largeFileSize") { options.largeFileSize = count }
        if let count = try section.integer("batchSize", in: 1...65_536) { options.batchSize = count }
        if let count = try section.integer("concurrency", in: 1...1024) { options.concurrency = count }
        return options
    }

    /// A rule such as `after: 10m`, which without quotes is a mapping of one key.
    private func rule<Rule>(_ key: String, _ section: Section, _ parse: (String) throws -> Rule) throws -> Rule? {
        var text: String?
        if case .mapping(let mapping)? = section.node(key), mapping.count == 1, let (word, value) = mapping.first,
            case .scalar(let word) = word, case .scalar(let value) = value
        {
            text = "\(word.string): \(value.string)"
        } else {
            text = try section.string(key)
        }
        guard let text else { return nil }
        do {
            return try parse(text)
        } catch {
            throw section.origin(key).failure("\(error)")
        }
    }

    /// Whether ``QueuedStorage`` takes an alias; looked at here, so that the error can name the line.
    private func isAlias(_ alias: String) -> Bool {
        !alias.isEmpty && alias.utf8.count <= 100 && !alias.hasPrefix(".")
            && alias.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.".unicodeScalars.contains($0)
            }
    }
}
