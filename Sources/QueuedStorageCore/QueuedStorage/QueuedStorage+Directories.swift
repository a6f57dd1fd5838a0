// A name needs directories, and a directory can't have the name of a file: neither here, nor on most remotes.
extension QueuedStorage {
    /// The outermost directory of a name that is a file, in the catalog or locally; nil if there is none.
    func fileAbove(_ name: String) async throws -> String? {
        var directories: [String] = []
        var directory = FileName.split(FileName.withSlashes(name)).directory
        while directory != "", directory != "/" {
            directories.append(directory)
            directory = FileName.split(directory).directory
        }
        guard let parent = directories.first else { return nil }
        // A directory lies in directories, so that mostly one look is enough.
        let isDirectory = try await localKind(parent) == .directory
        for directory in directories.reversed() {
            if try await catalog.file(directory, in: alias) != nil { return directory }
            guard !isDirectory, try await localKind(directory) == .file else { continue }
            guard let deleted = try await catalog.deletedFile(directory, in: alias) else { return directory }
            try await removeLocal(deleted)
        }
        return nil
    }

    /// A name like a name, below a directory that can be made.
    func unblocked(_ name: String) async throws -> String {
        guard let file = try await fileAbove(name) else { return name }
        let rest = FileName.withSlashes(name).utf8.dropFirst(file.utf8.count + 1)
        let (directory, base) = FileName.split(file)
        while true {
            let other = FileName.append(alternativeName(root: base, ext: ""), to: directory)
            if try await catalog.file(other, in: alias) == nil, try await localKind(other) != .file {
                return FileName.append(String(decoding: rest, as: UTF8.self), to: other)
            }
        }
    }

    func blocked(_ name: String, by file: String) -> StorageError {
        StorageError(
            .notADirectory,
            name: name,
            "\"\(name)\" can't be saved in the storage \"\(alias)\": \"\(file)\" is a file there, and no directory; "
                + "choose another name"
        )
    }

    private enum Kind { case file, directory }

    /// What has a name locally; nil if nothing has.
    private func localKind(_ name: String) async throws -> Kind? {
        do {
            _ = try await local.size(name)
            return .file
        } catch let error as StorageError where error.code == .isDirectory {
            return .directory
        } catch let error as StorageError where [.notFound, .notADirectory].contains(error.code) {
            return nil
        }
    }
}
