extension Catalog {
    /// Whether files up to an identifier still have a transfer that is queued or runs.
    ///
    /// - Parameters:
    ///   - last: The identifier of the last file that counts.
    ///   - alias: The storage's alias; all if nil.
    /// - Returns: True as long as there are any.
    /// - Throws: ``CatalogError`` if the catalog can't be read now.
    package func hasTransfers(upTo last: Int64, in alias: String?) async throws -> Bool {
        for state in [FileState.queued, .transferring] {
            let first = try await files(FileQuery(storage: alias, state: state, limit: 1)).first
            if let first, first.id <= last { return true }
        }
        return false
    }

    /// How many files up to an identifier have a transfer that was given up.
    ///
    /// - Parameters:
    ///   - last: The identifier of the last file that counts.
    ///   - alias: The storage's alias; all if nil.
    /// - Returns: The count.
    /// - Throws: ``CatalogError`` if the catalog can't be read now.
    package func failedTransfers(upTo last: Int64, in alias: String?) async throws -> Int {
        var count = 0
        var query = FileQuery(storage: alias, state: .failed)
        while true {
            let page = try await files(query)
            count += page.count { $0.id <= last }
            guard page.count == query.limit, let end = page.last, end.id < last else { return count }
            query.after = end.id
        }
    }
}
