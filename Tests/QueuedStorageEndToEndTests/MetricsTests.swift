import Foundation
import Metrics
import MetricsTestKit
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite
import TestSupport
import Testing

/// What is counted.
@Suite struct MetricsTests {
    /// The counters of this whole process, whichever test they come from.
    private static let metrics: TestMetrics = {
        let metrics = TestMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }()

    @Test func `what is counted has names of one scheme, and stands in the documentation`() async throws {
        let metrics = Self.metrics
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, alias: "counted")
            for folder in ["inbox", "inbox/sub"] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(folder)",
                    withIntermediateDirectories: true
                )
            }
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/f.txt"))
            let folder = DropFolder("\(directory)/inbox", into: bench.storage)

            #expect(try await folder.takeOnce().taken == 1)
            try await bench.work()
        }

        for label in ["taken_files", "folder_scans", "transferred_files", "transferred_bytes"] {
            let count = metrics.counterTotal(
                label: "queued_storage_\(label)",
                dimensions: [("storage", "counted")]
            )
            #expect(count == 1, "\(label)")
        }
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/QueuedStorageKit/Documentation.docc/Watching.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for label in Set(metrics.counters.map(\.label)) {
            #expect(label.hasPrefix("queued_storage_"))
            #expect(text.contains("`\(label)`"), "\(label)")
        }
    }
}
