import Foundation

/// One side of a comparison.
struct Side {
    let name: String
    /// Measures once.
    let measure: () async throws -> Double

    init(_ name: String, _ measure: @escaping () async throws -> Double) {
        (self.name, self.measure) = (name, measure)
    }
}

/// What one side of a comparison was measured to do, once or several times.
struct Samples: Codable {
    var name: String
    var values: [Double]

    var median: Double { values.median }
    /// Half the distance between the least and the greatest value, as a share of the median.
    var spread: Double { values.count < 2 ? 0 : ((values.max() ?? 0) - (values.min() ?? 0)) / 2 / median }
}

/// What is measured, and in what.
struct Measure: Codable {
    var title: String
    /// `files/s`, `ms` and the like.
    var unit: String
    /// Whether more is better, as of a rate.
    var isRate: Bool
    /// What is wanted of the ratio or the figure, as it stands in the table.
    var aim: String?

    /// A rate, of which more is better.
    static func rate(_ title: String, _ unit: String, aim: String? = nil) -> Self {
        Self(title: title, unit: unit, isRate: true, aim: aim)
    }

    /// A cost, of which less is better.
    static func cost(_ title: String, _ unit: String, aim: String? = nil) -> Self {
        Self(title: title, unit: unit, isRate: false, aim: aim)
    }
}

/// One line of what was measured: ours, and another side's that did the same.
struct Row: Codable {
    var measure: Measure
    var ours: Samples
    var other: Samples?
    /// Ours divided by the other's.
    var ratio: Double?

    init(_ measure: Measure, ours: Samples, other: Samples? = nil) {
        self.measure = measure
        self.ours = ours
        self.other = other
        ratio = other.map { ours.median / $0.median }
    }

    /// A figure that stands alone.
    init(_ measure: Measure, _ value: Double) {
        self.init(measure, ours: Samples(name: "qstore", values: [value]))
    }

    /// How fast ours is, where the other side's speed is 1.
    var speed: Double? { ratio.map { measure.isRate ? $0 : 1 / $0 } }

    /// The percentiles of ours beside another's, from many measurements of one thing, in milliseconds.
    static func percentiles(
        _ title: String,
        _ ours: [Double],
        beside other: (name: String, times: [Double])? = nil,
        aims: [String?] = [nil, nil]
    ) -> [Row] {
        zip([0.5, 0.99], aims).map { share, aim in
            Row(
                .cost("\(title), p\(Int(share * 100))", "ms", aim: aim),
                ours: Samples(name: "qstore", values: [ours.percentile(share) * 1000]),
                other: other.map { Samples(name: $0.name, values: [$0.times.percentile(share) * 1000]) }
            )
        }
    }
}

/// The table on standard output, a row at a time.
enum Table {
    private static let widths = [54, 17, 7, 22, 15, 7, 18]

    static func printHeader() {
        line(["", "qstore", "spread", "beside", "", "ratio", "wanted"])
        line(widths.map { String(repeating: "-", count: $0) })
    }

    static func print(_ row: Row) {
        let unit = row.measure.unit
        line([
            row.measure.title,
            "\(row.ours.median.figure) \(unit)",
            row.ours.values.count > 1 ? "\((row.ours.spread * 100).rounded(toPlaces: 0)) %" : "",
            row.other?.name ?? "",
            row.other.map { "\($0.median.figure) \(unit)" } ?? "",
            row.ratio?.rounded(toPlaces: 2) ?? "",
            row.measure.aim ?? "",
        ])
    }

    private static func line(_ cells: [String]) {
        let padded = zip(cells, widths).enumerated().map { column, cell in
            let space = String(repeating: " ", count: max(cell.1 - cell.0.count, 0))
            return column == 0 || column == 3 ? cell.0 + space : space + cell.0
        }
        var text = padded.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        say(text)
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

    /// The number with as many digits as say something.
    var figure: String { rounded(toPlaces: abs(self) < 10 ? 2 : abs(self) < 100 ? 1 : 0) }
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
func monotonicSeconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
