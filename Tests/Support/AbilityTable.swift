import Foundation

/// The table of storages in the documentation, which says what the tests saw.
public enum AbilityTable {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("Sources/QueuedStorageKit/Documentation.docc/Remotes.md")

    /// The row whose first column is a name; nil if there is none.
    ///
    /// Another table of the page, before this one, has such rows too.
    public static func row(_ name: String) throws -> String? {
        try String(contentsOf: page, encoding: .utf8).split(separator: "\n").map(String.init)
            .last { $0.hasPrefix("| \(name) |") }
    }
}
