import Foundation

/// One line of what was measured.
struct Row {
    var what: String
    var ours: String
    var bare = "-"
    var ratio = "-"

    /// A rate beside the bare one: more is better.
    static func rate(_ what: String, _ pair: (ours: Double, bare: Double), unit: String) -> Row {
        Row(
            what: what,
            ours: "\(pair.ours.rounded(toPlaces: 0)) \(unit)",
            bare: "\(pair.bare.rounded(toPlaces: 0)) \(unit)",
            ratio: "\((pair.ours / pair.bare).rounded(toPlaces: 2)) x"
        )
    }

    /// A time beside the bare one, in seconds: less is better.
    static func time(_ what: String, _ ours: Double, bare: Double? = nil) -> Row {
        var row = Row(what: what, ours: "\((ours * 1000).rounded(toPlaces: 2)) ms")
        if let bare {
            row.bare = "\((bare * 1000).rounded(toPlaces: 2)) ms"
            row.ratio = "\((ours / bare).rounded(toPlaces: 2)) x"
        }
        return row
    }
}

/// The table on standard output, a row at a time.
enum Table {
    private static let widths = [56, 16, 16, 10]

    static func printHeader() {
        line(["", "qstore", "bare calls", "ratio"])
        line(widths.map { String(repeating: "-", count: $0) })
    }

    static func print(_ row: Row) { line([row.what, row.ours, row.bare, row.ratio]) }

    private static func line(_ cells: [String]) {
        let padded = zip(cells, widths).enumerated().map { column, cell in
            let space = String(repeating: " ", count: max(cell.1 - cell.0.count, 0))
            return column == 0 ? cell.0 + space : space + cell.0
        }
        say(padded.joined(separator: "  "))
    }
}

extension [Double] {
    /// The middle value.
    var median: Double { percentile(0.5) }

    /// The value that a share of all values doesn't exceed.
    func percentile(_ share: Double) -> Double {
        guard !isEmpty else { return .nan }
        return sorted()[Swift.min(Int((Double(count) * share).rounded(.up)), count) - 1]
    }
}

extension Double {
    func rounded(toPlaces places: Int) -> String { String(format: "%.\(places)f", self) }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Runs something.
///
/// - Returns: How long it took, in seconds.
func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let began = monotonicSeconds()
    try await body()
    return monotonicSeconds() - began
}

/// The machine's monotonic clock, the same in all processes, in seconds.
func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
