// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "NotifyingTask",
    dependencies: [
        .package(name: "queued-storage", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "NotifyingTask",
            dependencies: [.product(name: "QueuedStorageKit", package: "queued-storage")]
        )
    ],
    swiftLanguageModes: [.v6]
)
