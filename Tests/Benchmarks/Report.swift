import Foundation

/// All that was measured in one go, for other programs to read.
struct Report: Codable {
    var beganAt: Date
    var processors = ProcessInfo.processInfo.activeProcessorCount
    /// The load average of the minute before.
    var loadBefore = Report.load
    var rounds: Int
    var isQuick: Bool
    var rows: [Row] = []

    static var load: Double {
        var averages = [0.0]
        return getloadavg(&averages, 1) == 1 ? averages[0] : .nan
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        try encoder.encode(self).write(to: URL(fileURLWithPath: path))
    }
}

/// A chart of speeds beside others', which have 1, as SVG.
struct Chart {
    private static let (left, width, right, line) = (360, 420, 170, 26)
    /// Where the axis ends; what is faster is cut there, and says how fast it is.
    private static let end = 2.0

    let rows: [Row]

    var svg: String {
        let compared = rows.filter { $0.speed != nil }
        let height = (compared.count + 2) * Self.line
        let total = Self.left + Self.width + Self.right
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(total) \(height)" width="\(total)" height="\(height)" \
            font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            """
        ]
        let one = Self.left + Int(Double(Self.width) / Self.end)
        for (index, row) in compared.enumerated() {
            let top = Self.line / 2 + index * Self.line
            let speed = row.speed ?? 0
            let length = Int(Double(Self.width) * min(speed, Self.end) / Self.end)
            parts.append(
                """
                <text x="\(Self.left - 8)" y="\(top + 15)" text-anchor="end">\(Self.escaped(row.measure.title))</text>
                <rect x="\(Self.left)" y="\(top + 3)" width="\(length)" height="17" fill="\(speed < 1 ? "#7d9bc1" : "#3f7d4f")"/>
                <text x="\(Self.left + length + 6)" y="\(top + 15)">\(speed.rounded(toPlaces: 2)) × \
                \(Self.escaped(row.other?.name ?? ""))</text>
                """
            )
        }
        parts.append(
            """
            <line x1="\(one)" y1="6" x2="\(one)" y2="\(height - Self.line)" stroke="#444" stroke-dasharray="4 3"/>
            <text x="\(one)" y="\(height - 8)" text-anchor="middle">as fast</text>
            </svg>
            """
        )
        return parts.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
