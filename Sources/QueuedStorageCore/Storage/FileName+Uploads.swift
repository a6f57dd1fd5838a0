extension FileName {
    /// Returns the name of an uploaded file: the last component of what the client said, at most 255 characters.
    ///
    /// The extension is kept when the name is cut. Backslashes don't separate here; ``sanitizedUpload(_:)``, which a parser
    /// of forms calls first, has dealt with them.
    ///
    /// Source: Django 5.2, `UploadedFile.name`.
    ///
    /// - Parameter name: What the client called the file.
    /// - Returns: The last component.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if there is none.
    public static func uploaded(_ name: String) throws -> String {
        var base = split(name).base
        if base.unicodeScalars.count > 255 {
            let (root, ext) = splitLastExtension(base)
            let kept = ext.unicodeScalars.prefix(255)
            base = String(String.UnicodeScalarView(root.unicodeScalars.prefix(255 - kept.count))) + String(kept)
        }
        try validateForm(base, allowsDirectories: false)
        try validateComponents(base, limitsLength: false)
        return base
    }

    /// Returns the file name of a form's part without what could mislead: character references decoded, directories of either
    /// kind removed, and characters that can't be printed left out.
    ///
    /// Source: Django 5.2, `MultiPartParser.sanitize_file_name`.
    ///
    /// - Parameter name: The name as the form has it.
    /// - Returns: The name; nil if nothing is left, and the part is to be discarded.
    public static func sanitizedUpload(_ name: String) -> String? {
        let decoded = withSlashes(HTMLEntities.decoding(name))
        let printable = split(decoded).base.unicodeScalars.filter(isPrintable)
        let result = String(String.UnicodeScalarView(printable))
        return ["", ".", ".."].contains(result) ? nil : result
    }

    /// Splits a last component before its last suffix; leading dots belong to the root.
    ///
    /// Source: Python 3.11, `posixpath.splitext`.
    private static func splitLastExtension(_ base: String) -> (root: String, ext: String) {
        let scalars = base.unicodeScalars
        guard let dot = scalars.lastIndex(of: "."), scalars[..<dot].contains(where: { $0 != "." }) else {
            return (base, "")
        }
        return (String(scalars[..<dot]), String(scalars[dot...]))
    }

    /// Whether Python's `str.isprintable` takes a scalar for printable.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
