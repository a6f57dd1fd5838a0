import Foundation

/// Makes a directory for a test, hands it over, and removes it with all that is in it.
///
/// - Parameter body: Is handed the directory's absolute path, without symbolic links.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws, or why the directory can't be made.
public func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let url = FileManager.default.temporaryDirectory
        .resolvingSymlinksInPath().appendingPathComponent("queued-storage-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    return try await body(url.path)
}

/// The regular files below a directory, by their relative path, with their text; `.qstore` is left out.
public func tree(_ directory: String) throws -> [String: String] {
    var files: [String: String] = [:]
    guard let paths = FileManager.default.enumerator(atPath: directory) else { return files }
    for case let path as String in paths where !path.split(separator: "/").contains(".qstore") {
        var isDirectory: ObjCBool = false
        let full = directory + "/" + path
        guard FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory), !isDirectory.boolValue else {
            continue
        }
        files[path] = try String(decoding: Data(contentsOf: URL(fileURLWithPath: full)), as: UTF8.self)
    }
    return files
}

/// Every file and directory below a directory, private ones too, by their relative path.
public func everything(_ directory: String) -> [String] {
    (FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []).sorted()
}
