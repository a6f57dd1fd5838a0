// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target compiles with these, so that an import says who needs it and an existential says that it is one.
let swiftSettings: [SwiftSetting] = [
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "queued-storage",
    products: [
        .library(name: "QueuedStorageKit", targets: ["QueuedStorageKit"]),
        .library(name: "QueuedStorageCore", targets: ["QueuedStorageCore"]),
        .library(name: "QueuedStorageSQLite", targets: ["QueuedStorageSQLite"]),
        .library(name: "QueuedStorageModels", targets: ["QueuedStorageModels"]),
        .library(name: "QueuedStorageIngest", targets: ["QueuedStorageIngest"]),
        .library(name: "QueuedStorageCloudFiles", targets: ["QueuedStorageCloudFiles"]),
        .library(name: "QueuedStorageS3", targets: ["QueuedStorageS3"]),
        .library(name: "QueuedStorageCouchDB", targets: ["QueuedStorageCouchDB"]),
        .library(name: "QueuedStorageMogileFS", targets: ["QueuedStorageMogileFS"]),
        .library(name: "QueuedStorageDatabase", targets: ["QueuedStorageDatabase"]),
        .library(name: "QueuedStorageGridFS", targets: ["QueuedStorageGridFS"]),
        .library(name: "QueuedStorageWebDAV", targets: ["QueuedStorageWebDAV"]),
        .library(name: "QueuedStorageFTP", targets: ["QueuedStorageFTP"]),
        .library(name: "QueuedStorageSFTP", targets: ["QueuedStorageSFTP"]),
        .library(name: "QueuedStorageTesting", targets: ["QueuedStorageTesting"]),
        .executable(name: "qstore", targets: ["QueuedStorageCLI"]),
        // For tests: loaded by LD_PRELOAD into the program that they attack.
        .library(name: "qstore-faults", type: .dynamic, targets: ["QStoreFaults"]),
    ],
    traits: [
        .trait(
            name: "InotifyTools",
            description: "Watch drop folders through libinotifytools (GPL version 2); else through inotify itself."
        ),
        .default(enabledTraits: ["InotifyTools"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        .target(
            name: "CLinux",
            cSettings: [.define("_GNU_SOURCE")]
        ),
        .systemLibrary(
            name: "CInotifyTools",
            providers: [.apt(["libinotifytools0-dev"])]
        ),
        .systemLibrary(
            name: "CCurl",
            pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"])]
        ),
        .target(
            name: "QueuedStorageSchemas",
            path: "Schemas",
            resources: [.embedInCode("sqlite"), .embedInCode("postgres"), .embedInCode("json")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageCore",
            dependencies: [
                "CLinux",
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageSQLite",
            dependencies: [
                "CLinux",
                "QueuedStorageCore",
                "QueuedStorageSchemas",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageModels",
            dependencies: [
                "QueuedStorageCore",
                "QueuedStorageSQLite",
                "QueuedStorageSchemas",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageIngest",
            dependencies: [
                "CLinux",
                "QueuedStorageCore",
                .target(name: "CInotifyTools", condition: .when(traits: ["InotifyTools"])),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings
        ),
        .systemLibrary(
            name: "CPostgres",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"])]
        ),
        .target(
            name: "QueuedStorageDatabase",
            dependencies: [
                "CPostgres",
                "QueuedStorageCore",
                "QueuedStorageSchemas",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageTransport",
            dependencies: ["CCurl", "QueuedStorageCore"],
            swiftSettings: swiftSettings
        ),
        .systemLibrary(
            name: "CMongo",
            pkgConfig: "libmongoc-1.0",
            providers: [.apt(["libmongoc-dev"])]
        ),
        .target(
            name: "QueuedStorageGridFS",
            dependencies: ["CMongo", "QueuedStorageCore"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageCloudFiles",
            dependencies: [
                "QueuedStorageCore",
                "QueuedStorageTransport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageS3",
            dependencies: [
                "QueuedStorageCore",
                "QueuedStorageTransport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageCouchDB",
            dependencies: ["QueuedStorageCore", "QueuedStorageTransport"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageMogileFS",
            dependencies: ["QueuedStorageCore", "QueuedStorageTransport"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageWebDAV",
            dependencies: ["QueuedStorageCore", "QueuedStorageTransport"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageFTP",
            dependencies: ["QueuedStorageCore", "QueuedStorageTransport"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageSFTP",
            dependencies: ["CLinux", "QueuedStorageCore"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageTesting",
            dependencies: ["QueuedStorageCore"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueuedStorageKit",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageSQLite", "QueuedStorageModels", "QueuedStorageIngest",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "QueuedStorageCLI",
            dependencies: [
                "QueuedStorageCloudFiles",
                "QueuedStorageCouchDB",
                "QueuedStorageDatabase",
                "QueuedStorageFTP",
                "QueuedStorageGridFS",
                "QueuedStorageKit",
                "QueuedStorageS3",
                "QueuedStorageMogileFS",
                "QueuedStorageWebDAV",
                "QueuedStorageSFTP",
                "QueuedStorageSchemas",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageIngestTests",
            dependencies: [
                "CLinux",
                "QueuedStorageCore",
                "QueuedStorageIngest",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageModelsTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageModels", "QueuedStorageSQLite", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageCouchDBTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageCouchDB", "QueuedStorageSQLite", "QueuedStorageTesting",
                "QueuedStorageTransport", "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageMogileFSTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageMogileFS", "QueuedStorageSQLite", "QueuedStorageTesting",
                "QueuedStorageTransport", "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageSQLiteTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageSQLite", "QueuedStorageTesting", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageS3Tests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageS3", "QueuedStorageSQLite", "QueuedStorageTesting",
                "QueuedStorageTransport", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageDatabaseTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageDatabase", "QueuedStorageSQLite", "QueuedStorageTesting",
                "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageGridFSTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageGridFS", "QueuedStorageSQLite", "QueuedStorageTesting",
                "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageWebDAVTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageSQLite", "QueuedStorageTesting", "QueuedStorageTransport",
                "QueuedStorageWebDAV", "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageFTPTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageFTP", "QueuedStorageSQLite", "QueuedStorageTesting", "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageSFTPTests",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageSFTP", "QueuedStorageSQLite", "QueuedStorageTesting", "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "CSanitizers", "QueuedStorageCore"],
            path: "Tests/Support",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "StorageTestChild",
            dependencies: ["QueuedStorageCore"],
            path: "Tests/Child",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageCoreTests",
            dependencies: ["CLinux", "QueuedStorageCore", "QueuedStorageTesting", "StorageTestChild", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageCloudFilesTests",
            dependencies: [
                "QueuedStorageCloudFiles", "QueuedStorageCore", "QueuedStorageSQLite", "QueuedStorageTesting",
                "TestSupport",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageTransportTests",
            dependencies: ["QueuedStorageCore", "QueuedStorageTransport", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "qstore-bench",
            dependencies: [
                "CLinux",
                "QueuedStorageCloudFiles",
                "QueuedStorageCore",
                "QueuedStorageFTP",
                "QueuedStorageIngest",
                "QueuedStorageS3",
                "QueuedStorageSFTP",
                "QueuedStorageSQLite",
                "QueuedStorageTransport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/Benchmarks",
            exclude: ["Remotes", "requirements.txt"],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "CrashAgent",
            dependencies: [
                "QueuedStorageCore", "QueuedStorageIngest", "QueuedStorageSQLite",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/CrashAgent",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageEndToEndTests",
            dependencies: [
                "CrashAgent",
                "QueuedStorageCore",
                "QueuedStorageIngest",
                "QueuedStorageSQLite",
                "QueuedStorageTesting",
                "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "TestRemotes",
            dependencies: ["QueuedStorageS3", "TestSupport"],
            path: "Tests/Remotes",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "qstore-large",
            dependencies: [
                "TestRemotes", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/LargeFiles",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QStoreFaults",
            path: "Tests/Faults",
            cSettings: [.define("_GNU_SOURCE")]
        ),
        .target(
            name: "CSanitizers",
            path: "Tests/Sanitizers",
            cSettings: [.define("_GNU_SOURCE")]
        ),
        .target(
            name: "CScheduler",
            path: "Tests/Scheduler",
            cSettings: [.define("_GNU_SOURCE")]
        ),
        .executableTarget(
            name: "qstore-evidence",
            dependencies: [
                "CLinux", "CScheduler", "QueuedStorageCore", "QueuedStorageModels", "QueuedStorageSQLite",
                "QueuedStorageTesting", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Evidence",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageRemoteTests",
            // The command is run, not linked.
            dependencies: ["QueuedStorageCLI", "TestRemotes", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueuedStorageCLITests",
            // The commands are run, not linked.
            dependencies: ["QueuedStorageCLI", "QueuedStorageSchemas", "TestSupport", "qstore-evidence"],
            swiftSettings: swiftSettings
        ),
    ],
    swiftLanguageModes: [.v6]
)
