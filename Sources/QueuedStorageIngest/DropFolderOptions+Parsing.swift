import QueuedStorageCore

extension DropFolderOptions.Mode: CustomStringConvertible {
    /// Reads a mode: `automatic`, `delayed`, `after: 10m`, or `window: 22:00-06:00`; the colon may be left out.
    ///
    /// - Parameter text: The mode, as in a configuration file.
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/invalidOption`` if it is none of these.
    public init(parsing text: String) throws {
        let (word, rest) = split(text)
        switch (word, rest) {
        case ("automatic", ""): self = .automatic
        case ("delayed", ""): self = .delayed
        case ("after", _):
            guard let delay = Duration(parsing: rest) else {
                throw DropFolderError.invalidOption("mode", text, "after it belongs a time such as 90s, 10m or 1h30m")
            }
            self = .after(delay)
        case ("window", _): self = .window(try TimeWindow(parsing: rest))
        default:
            throw DropFolderError.invalidOption(
                "mode",
                text,
                "it is one of automatic, delayed, after: 10m, window: 22:00-06:00"
            )
        }
    }

    /// The mode in the form that ``init(parsing:)`` reads.
    public var description: String {
        switch self {
        case .automatic: "automatic"
        case .delayed: "delayed"
        case .after(let delay): "after: \(delay.optionText)"
        case .window(let window): "window: \(window)"
        }
    }
}

extension DropFolderOptions.Done: CustomStringConvertible {
    /// Reads a rule: `lease`, `still: 30s`, `marker`, or `marker: .ready`; the colon may be left out.
    ///
    /// - Parameter text: The rule, as in a configuration file.
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/invalidOption`` if it is none of these.
    public init(parsing text: String) throws {
        let (word, rest) = split(text)
        switch (word, rest) {
        case ("lease", ""): self = .lease
        case ("still", _):
            guard let time = Duration(parsing: rest), time > .zero else {
                throw DropFolderError.invalidOption("done", text, "after still belongs a time such as 30s or 5m")
            }
            self = .still(time)
        case ("marker", ""): self = .marker(suffix: ".done")
        case ("marker", _):
            guard !rest.contains("/") else {
                throw DropFolderError.invalidOption("done", text, "a marker's suffix has no slash")
            }
            self = .marker(suffix: rest)
        default: throw DropFolderError.invalidOption("done", text, "it is one of lease, still: 30s, marker: .done")
        }
    }

    /// The rule in the form that ``init(parsing:)`` reads.
    public var description: String {
        switch self {
        case .lease: "lease"
        case .still(let time): "still: \(time.optionText)"
        case .marker(let suffix): "marker: \(suffix)"
        }
    }
}

/// The first word, and what follows it and an optional colon.
private func split(_ text: String) -> (word: String, rest: String) {
    let text = text.trimmed
    let end = text.firstIndex { $0 == " " || $0 == ":" } ?? text.endIndex
    let rest = text[end...].drop { $0 == " " || $0 == ":" }
    return (String(text[..<end]), String(rest).trimmed)
}

extension String {
    var trimmed: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return String(rest)
    }
}
