public import FoundationEssentials
internal import Glibc

/// Where a model's field keeps its files: a directory with the date in it, or what a closure says.
///
/// ```swift
/// static let uploadTo: UploadPath = "photos/%Y/%m/%d"
/// static let uploadTo = UploadPath { filename in "by-letter/\(filename.prefix(1))/\(filename)" }
/// ```
/// In a text, the codes of `strftime` stand for the local time of the save, in English; the file's own name is not
/// expanded, and neither is what a closure returns. A directory that is absolute or leads upwards is refused when a file is
/// saved.
///
/// Source: Django 5.2, `FileField.generate_filename`.
public struct UploadPath: Sendable {
    private enum Kind: Sendable {
        case directory(String)
        case closure(@Sendable (_ owner: Any?, _ filename: String) throws -> String)
    }

    private let kind: Kind

    private init(_ kind: Kind) { self.kind = kind }

    /// Makes a path of a directory.
    ///
    /// - Parameter directory: The directory, with codes of `strftime`; empty for the storage's root.
    public init(_ directory: String) { self.init(.directory(directory)) }

    /// Makes a path of a closure.
    ///
    /// - Parameter name: Returns the whole name of a file, given what the client called it.
    public init(_ name: @escaping @Sendable (_ filename: String) throws -> String) {
        self.init(.closure { try name($1) })
    }

    /// Makes a path of a closure that looks at the row that the file belongs to.
    ///
    /// - Parameters:
    ///   - owner: The row's type.
    ///   - name: Returns the whole name of a file, given its row and what the client called it.
    public init<Owner>(
        of owner: Owner.Type,
        _ name: @escaping @Sendable (_ owner: Owner, _ filename: String) throws -> String
    ) {
        self.init(
            .closure { row, filename in
                guard let row = row as? Owner else {
                    throw StorageError(
                        .invalidConfiguration,
                        name: filename,
                        "The upload path of a \(Owner.self) was used without one."
                    )
                }
                return try name(row, filename)
            }
        )
    }

    /// Returns the name under which a file is to be saved.
    ///
    /// - Parameters:
    ///   - filename: What the client called the file.
    ///   - owner: The row that the file belongs to, for paths that look at it.
    ///   - storage: The storage, whose rules clean the last component.
    ///   - now: The time that the codes stand for.
    ///   - timeZone: Where that time is local; the time zone of the process if nil.
    /// - Returns: The name; it may still be taken.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name leads out of the storage, or nothing
    ///   usable is left of it.
    public func name(
        for filename: String,
        owner: Any? = nil,
        in storage: any Storage,
        now: Date = Date(),
        timeZone: TimeZone? = nil
    ) throws -> String {
        let wanted =
            switch kind {
            case .directory(let pattern):
                FileName.append(filename, to: Self.expand(pattern, at: now, in: timeZone))
            case .closure(let name): try name(owner, filename)
            }
        try FileName.validateForm(wanted)
        let name = try storage.generateFilename(wanted)
        try FileName.validateForm(name)
        try FileName.validateComponents(name, limitsLength: false)
        return name
    }

    /// Expands the codes of a pattern.
    ///
    /// Source: strftime(3); Python 3.11 adds `%f`, and local times without a zone have nothing at `%z` and `%Z`.
    private static func expand(_ pattern: String, at now: Date, in timeZone: TimeZone?) -> String {
        var seconds = time_t(now.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        if let timeZone {
            seconds += timeZone.secondsFromGMT(for: now)
            gmtime_r(&seconds, &parts)
        } else {
            localtime_r(&seconds, &parts)
        }
        let microseconds = Int((now.timeIntervalSince1970 - now.timeIntervalSince1970.rounded(.down)) * 1e6)
        var result = ""
        var scalars = Substring(pattern).unicodeScalars
        while let scalar = scalars.popFirst() {
            guard scalar == "%", let code = scalars.popFirst() else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch code {
            case "%": result += "%"
            case "f": result += String(repeating: "0", count: 6 - "\(microseconds)".count) + "\(microseconds)"
            case "z", "Z": break
            default: result += format("%\(code)", parts)
            }
        }
        return result
    }

    private static func format(_ code: String, _ parts: tm) -> String {
        var parts = parts
        var buffer = [CChar](repeating: 0, count: 256)
        let count = strftime_l(&buffer, buffer.count, code, &parts, english)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The locale in which names of days and months don't depend on the machine.
    nonisolated(unsafe) private static let english /* never changed */ = newlocale(1 << LC_TIME, "C", nil)
}

extension UploadPath: ExpressibleByStringLiteral {
    /// Makes a path of a directory.
    ///
    /// - Parameter value: The directory, with codes of `strftime`.
    public init(stringLiteral value: String) { self.init(value) }
}
