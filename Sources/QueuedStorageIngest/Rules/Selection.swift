/// Which files of a drop folder are meant for it, by their names alone.
struct Selection: Sendable {
    private let include: [Glob]
    private let exclude: [Glob]
    private let takesHiddenFiles: Bool
    private let ignore: [Glob]
    private let marker: String?
    private let sidecar: DropFolderOptions.Sidecar

    init(_ options: DropFolderOptions) {
        include = options.include.map(Glob.init)
        exclude = options.exclude.map(Glob.init)
        takesHiddenFiles = options.takesHiddenFiles
        ignore = options.ignore.map(Glob.init)
        marker = options.done.markerSuffix
        sidecar = options.sidecar
    }

    /// Whether to look into a directory.
    func enters(_ directory: DropPath) -> Bool {
        !isPrivate(directory) && !isHidden(directory)
            && !exclude.contains { $0.matches(directory) || $0.matches(directory.appending("".utf8)) }
    }

    /// Whether a file is to be taken when it is done.
    func takes(_ file: DropPath) -> Bool {
        guard !isPrivate(file), !isHidden(file), companionOf(file) == nil else { return false }
        guard !ignore.contains(where: { $0.matches(file) }), !exclude.contains(where: { $0.matches(file) }) else {
            return false
        }
        return include.isEmpty || include.contains { $0.matches(file) }
    }

    /// The file that a marker or sidecar is about; nil if it is neither.
    func companionOf(_ path: DropPath) -> DropPath? {
        if let marker, let file = path.removingSuffix(marker) { return file }
        if sidecar != .none, let file = path.removingSuffix(DropFolderOptions.sidecarSuffix) { return file }
        return nil
    }

    private func isPrivate(_ path: DropPath) -> Bool { path.name.elementsEqual(Inbox.privateName.utf8) }

    private func isHidden(_ path: DropPath) -> Bool { !takesHiddenFiles && path.name.first == UInt8(ascii: ".") }
}
