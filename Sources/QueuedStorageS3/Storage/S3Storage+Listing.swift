internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Storage {
    /// Lists what keys say: a directory is what has a slash behind it, and nothing has to be there for it.
    public func list(_ directory: String) async throws -> DirectoryListing {
        let relative = directory == "" ? "" : try location.relative(directory)
        let prefix = location.prefix + (relative == "" ? "" : relative + "/")
        var directories: [String] = []
        var files: [String] = []
        var token: String?
        repeat {
            let page = try await page(prefix, after: token, directory: directory)
            for key in page.all("Contents").compactMap({ $0["Key"] }) {
                Self.component(key.text, below: prefix).map { files.append($0) }
            }
            for common in page.all("CommonPrefixes").compactMap({ $0["Prefix"] }) {
                guard common.text.utf8.last == UInt8(ascii: "/") else { continue }
                Self.component(String(common.text.dropLast()), below: prefix).map { directories.append($0) }
            }
            let next = page["IsTruncated"]?.text == "true" ? page["NextContinuationToken"]?.text : nil
            guard next == nil || next != token else {
                throw StorageError(
                    .failed,
                    "The bucket \"\(bucket)\" couldn't be listed: the same page comes for ever."
                )
            }
            token = next
        } while token != nil
        if relative == "" { directories.removeAll { $0 == FileName.privateComponent } }
        return DirectoryListing(directories: directories, files: files)
    }

    private func page(_ prefix: String, after token: String?, directory: String) async throws -> XMLTree {
        var query = [
            (name: "list-type", value: "2"), ("prefix", prefix), ("delimiter", "/"), ("encoding-type", "url"),
        ]
        if let token { query.append(("continuation-token", token)) }
        return try await client.document(
            S3Request("GET", nil, verb: "listed", name: directory == "" ? nil : directory, query: query)
        )
    }

    /// The last component of an encoded key; nil if no name of ours has it, such as the marker of a directory.
    private static func component(_ encoded: String, below prefix: String) -> String? {
        guard let key = S3Encoding.listedKey(encoded), key.utf8.starts(with: prefix.utf8) else { return nil }
        let component = String(Substring(key.utf8.dropFirst(prefix.utf8.count)))
        guard component != "", component != ".", component != "..",
            !component.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { return nil }
        return component
    }
}
