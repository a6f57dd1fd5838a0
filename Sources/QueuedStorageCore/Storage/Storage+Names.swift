// The rules for names that every storage has unless it needs others.
// Source: Django 5.2, django/core/files/storage/base.py, `Storage`.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Storage {
    public func validName(_ name: String) throws -> String { try FileName.cleaned(name) }

    public func alternativeName(root: String, ext: String) -> String { "\(root)_\(FileName.randomSuffix())\(ext)" }

    public func isNameAvailable(_ name: String, maxLength: Int?) async throws -> Bool {
        guard FileName.fits(name, maxLength) else { return false }
        return try await !exists(name)
    }

    public func availableName(_ name: String, maxLength: Int?) async throws -> String {
        try await availableName(name, maxLength: maxLength, isTaken: false)
    }

    public func generateFilename(_ filename: String) throws -> String {
        let (directory, base) = FileName.split(FileName.withSlashes(filename))
        guard !FileName.climbs(directory) else { throw FileName.refusal(filename, "it leads out of the storage") }
        return try FileName.normalized(FileName.append(validName(base), to: directory))
    }
}

extension Storage {
    /// Finds a free name, beginning with the name itself unless it is known to be taken.
    package func availableName(_ name: String, maxLength: Int?, isTaken: Bool) async throws -> String {
        try await availableName(name, maxLength: maxLength, isTaken: isTaken) {
            try await isNameAvailable($0, maxLength: maxLength)
        }
    }

    /// Finds a name that is free as far as the caller can tell, beginning with the name itself unless it is known to be taken.
    func availableName(
        _ name: String,
        maxLength: Int?,
        isTaken: Bool,
        isFree: (String) async throws -> Bool
    ) async throws -> String {
        var candidate = FileName.withSlashes(name)
        let (directory, base) = FileName.split(candidate)
        guard !FileName.climbs(directory) else { throw FileName.refusal(name, "it leads out of the storage") }
        try FileName.validateForm(base, allowsDirectories: false)
        var (root, ext) = FileName.splitExtension(base)
        var isTaken = isTaken
        while true {
            if !isTaken, try await isFree(candidate) { return candidate }
            try Task.checkCancellation()
            isTaken = false
            let made = FileName.append(alternativeName(root: root, ext: ext), to: directory)
            candidate = made
            // Cutting draws a second suffix, as the original does; names of the file system are cut to their limit too.
            let excess = maxLength.map { made.unicodeScalars.count - $0 } ?? 0
            if excess > 0 || FileName.split(made).base.utf8.count > FileName.maxComponentByteCount {
                root = FileName.cut(root, by: excess, toFit: FileName.split(made).base.utf8.count)
                guard root != "" else {
                    throw FileName.refusal(
                        name,
                        "no free name of at most \(maxLength ?? 0) characters can be made of it"
                    )
                }
                candidate = FileName.append(alternativeName(root: root, ext: ext), to: directory)
            }
        }
    }
}

extension FileName {
    /// Tells whether a name keeps within a length, counted in scalars; no limit if nil or 0.
    package static func fits(_ name: String, _ maxLength: Int?) -> Bool {
        guard let maxLength, maxLength > 0 else { return true }
        return name.unicodeScalars.count <= maxLength
    }

    /// Cuts scalars off the end of a root: as many as are in excess, and until the component fits a file system.
    fileprivate static func cut(_ root: String, by excess: Int, toFit byteCount: Int) -> String {
        var scalars = root.unicodeScalars
        var byteCount = byteCount
        var excess = excess
        while let last = scalars.last, excess > 0 || byteCount > maxComponentByteCount {
            scalars.removeLast()
            excess -= 1
            byteCount -= UTF8.width(last)
        }
        return String(scalars)
    }
}
