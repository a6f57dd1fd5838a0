import ArgumentParser
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// How a command that only needs the database finds it.
struct CatalogOptions: ParsableArguments {
    @OptionGroup(title: "Configuration")
    var file: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "The database, instead of a configuration; its storage is called \"default\".",
            valueName: "file"
        )
    )
    var database: String?

    /// What the command is about.
    func declarations(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws -> Declarations {
        try file.refuse(flags: database == nil ? [] : ["--database"])
        if let database {
            return Declarations(database: FileName.absolute(database), workers: try Environment.workers(environment))
        }
        if let path = file.path(environment) {
            return try Environment.apply(environment, to: ConfigurationFile.load(path, environment))
        }
        guard let database = Environment.database(environment) else {
            throw CommandFailure(
                .configuration,
                "there is no configuration: write one with qstore init, or name one with --config, or a database with --database"
            )
        }
        return Declarations(database: database)
    }
}

/// How a command that needs the storages themselves finds them.
struct StorageOptions: ParsableArguments {
    @OptionGroup(title: "Configuration")
    var file: ConfigurationOptions

    @OptionGroup(title: "Instead of a configuration, for a storage called \"default\"")
    var place: PlaceOptions

    @Flag(help: "Accept that the directories of the storages aren't those that the database knows: they moved.")
    var moved = false

    /// What the command is about.
    func declarations(
        _ saving: SavingOptions = .none,
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Declarations {
        try file.refuse(flags: place.flags + saving.flags)
        if place.flags.isEmpty, saving.flags.isEmpty, let path = file.path(environment) {
            return saving.apply(to: try Environment.apply(environment, to: ConfigurationFile.load(path, environment)))
        }
        if place.flags.isEmpty, let flag = saving.flags.first, let path = file.path(environment) {
            throw CommandFailure(
                .usage,
                "\(flag) can't stand beside the configuration \"\(Text.escaped(path))\", which says it already: leave it "
                    + "out, or describe a storage with --local, --remote and --database"
            )
        }
        if place.flags.isEmpty {
            throw CommandFailure(
                .configuration,
                "there is no configuration: write one with qstore init, or name one with --config, "
                    + "or describe a storage with --local, --remote and --database"
            )
        }
        return try place.declarations(saving, environment)
    }
}

extension StorageOptions {
    /// What a configuration file declares, for commands that need one.
    static func declarations(
        _ file: ConfigurationOptions,
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Declarations {
        guard let path = file.path(environment) else {
            throw CommandFailure(
                .configuration,
                "there is no configuration: write one with qstore init, or name one with --config"
            )
        }
        return try Environment.apply(environment, to: ConfigurationFile.load(path, environment))
    }
}

/// Where the configuration is.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration; else $QSTORE_CONFIG, else ./qstore.yaml.", valueName: "file"))
    var config: String?

    /// Refuses flags that say what a configuration file says.
    func refuse(flags: [String]) throws {
        guard config != nil, let flag = flags.first else { return }
        throw CommandFailure(
            .usage,
            "\(flag) can't stand beside --config, which says it already: leave one of them out"
        )
    }

    /// The path of the configuration, if there may be one.
    func path(_ environment: [String: String]) -> String? {
        if let config { return config }
        if let path = environment["QSTORE_CONFIG"], !path.isEmpty { return path }
        return access("qstore.yaml", F_OK) == 0 ? "qstore.yaml" : nil
    }
}

/// The flags that describe the storage `default`.
struct PlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The directory where files are saved.", valueName: "dir"))
    var local: String?

    @Option(
        help: ArgumentHelp(
            """
            Where files are brought: a directory, or an address such as s3://bucket, sftp://user@host/directory or \
            postgres://user@host/database. Secrets come from $QSTORE_DEFAULT_PASSWORD and the like.
            """,
            valueName: "url"
        )
    )
    var remote: String?

    @Option(help: ArgumentHelp("The database.", valueName: "file"))
    var database: String?

    /// The flags that were given.
    var flags: [String] {
        [("--local", local), ("--remote", remote), ("--database", database)].compactMap { $0.1 == nil ? nil : $0.0 }
    }

    /// What the flags declare.
    func declarations(_ saving: SavingOptions, _ environment: [String: String]) throws -> Declarations {
        let database = database.map { FileName.absolute($0) } ?? Environment.database(environment)
        guard let local, let remote, let database else {
            let all = [("--local DIR", local), ("--remote URL", remote), ("--database FILE", database)]
            let missing = all.filter { $0.1 == nil }.map(\.0).joined(separator: " and ")
            throw CommandFailure(.usage, "without a configuration, \(missing) must be given too")
        }
        let made: RemoteDeclaration
        do {
            let secrets = StorageSecrets(alias: defaultAlias, environment: environment)
            made = try RemoteDeclaration(remote, base: FileName.absolute("."), secrets: secrets)
        } catch let error as StorageURLError {
            throw CommandFailure(.configuration, "--remote: the address \(error.message)")
        } catch let error as StorageError {
            throw CommandFailure(.configuration, "--remote: \(error)")
        }
        var storage = StorageDeclaration(
            alias: defaultAlias,
            local: FileName.absolute(local),
            remote: made,
            origin: Origin(text: "--local, --remote"),
            localOrigin: Origin(text: "--local"),
            remoteOrigin: Origin(text: "--remote")
        )
        storage.isDelayed = saving.isDelayed
        storage.task = saving.task ?? .transfer
        saving.apply(to: &storage.options)
        var declarations = Declarations(database: database, storages: [storage])
        declarations.workers = try Environment.workers(environment)
        return declarations
    }
}

/// The flags that say what becomes of saved files.
struct SavingOptions {
    var isDelayed = false
    var task: TaskName?
    var retries: QueuedStorageOptions.Retries?
    var retryDelay: Duration?
    var durabilityGrace: Duration?

    /// None of them.
    static let none = Self()

    /// The flags that were given, and that describe a storage as a configuration does.
    var flags: [String] { (isDelayed ? ["--delayed"] : []) + (task == nil ? [] : ["--task"]) }

    /// Puts what the flags say of transfers over what a configuration says.
    func apply(to declarations: Declarations) -> Declarations {
        var declarations = declarations
        for index in declarations.storages.indices { apply(to: &declarations.storages[index].options) }
        return declarations
    }

    /// Puts what the flags say of transfers over what is there.
    func apply(to options: inout QueuedStorageOptions) {
        if let retries { options.retries = retries }
        if let retryDelay { options.retryDelay = retryDelay }
        if let durabilityGrace { options.durabilityGrace = durabilityGrace }
    }
}

/// The flags that say how transfers are dealt with, for the commands that transfer.
struct TransferFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How many retries follow the first try, or unlimited; else what the storage says, else $QUEUED_STORAGE_RETRIES, else 5.",
            valueName: "n"
        ),
        transform: RetriesArgument.parse
    )
    var retries: RetriesArgument?

    @Option(
        help: ArgumentHelp(
            "The delay before the first retry; else what the storage says, else $QUEUED_STORAGE_RETRY_DELAY, else 60s.",
            valueName: "time"
        ),
        transform: SpanArgument.parse
    )
    var retryDelay: SpanArgument?

    @Option(
        help: ArgumentHelp(
            """
            How long TransferAndDelete keeps the local copy at least where the remote can't promise durability, before a \
            second look at the remote's; else what the storage says, else 60s.
            """,
            valueName: "time"
        ),
        transform: SpanArgument.parse
    )
    var durabilityGrace: SpanArgument?

    /// What they say, for a command that saves nothing.
    var options: SavingOptions {
        SavingOptions(
            retries: retries?.retries,
            retryDelay: retryDelay?.duration,
            durabilityGrace: durabilityGrace?.duration
        )
    }
}

/// The flags that say what becomes of saved files, for the commands that save.
struct SavingFlags: ParsableArguments {
    @Flag(help: "Don't transfer until it is asked for with qstore transfer.")
    var delayed = false

    @Option(help: ArgumentHelp("Transfer (keeps the local copy) or TransferAndDelete.", valueName: "task"))
    var task: TaskName?

    /// The flags, together with those about transfers.
    func options(_ transfers: TransferFlags? = nil) -> SavingOptions {
        var options = transfers?.options ?? .none
        options.isDelayed = delayed
        options.task = task
        return options
    }
}

/// The environment variables that win over the configuration; flags win over them.
///
/// They are `QSTORE_CONFIG`, `QSTORE_DATABASE`, `QSTORE_WORKERS`, `QSTORE_LOG_LEVEL` and `QSTORE_LOG_FORMAT`.
enum Environment {
    /// The database's absolute path.
    static func database(_ environment: [String: String]) -> String? {
        environment["QSTORE_DATABASE"].flatMap { $0.isEmpty ? nil : FileName.absolute($0) }
    }

    /// How many transfers run at the same time.
    static func workers(_ environment: [String: String]) throws -> Int? {
        guard let text = environment["QSTORE_WORKERS"], !text.isEmpty else { return nil }
        guard let workers = WorkersArgument(argument: text) else {
            throw CommandFailure(
                .configuration,
                "QSTORE_WORKERS is \"\(Text.escaped(text))\"; it is a whole number from 1 to 1024"
            )
        }
        return workers.count
    }

    /// Puts what the environment says over what a configuration says.
    static func apply(_ environment: [String: String], to declarations: Declarations) throws -> Declarations {
        var declarations = declarations
        if let database = database(environment) { declarations.database = database }
        if let workers = try workers(environment) { declarations.workers = workers }
        return declarations
    }
}
