import Glibc
import QueuedStorageCore
import Synchronization

/// Shows on a terminal how far something is, how fast it goes, and how long it will still take.
final class ProgressBar: Sendable {
    private struct State {
        var shownAt = Int64.min
        var meter: RateMeter
    }

    private let title: String
    private let console: Console
    private let time: any TimeSource
    private let state: Mutex<State>

    init(_ title: String, console: Console = .shared, time: any TimeSource = .system) {
        self.title = title
        self.console = console
        self.time = time
        state = Mutex(State(meter: RateMeter(startedAt: time.bootMilliseconds)))
    }

    /// Shows how far it is; ten times a second at most.
    ///
    /// - Parameters:
    ///   - done: The bytes that are done.
    ///   - total: All bytes, if that is known.
    ///   - suffix: What else is to be said.
    func update(_ done: Int64, of total: Int64?, suffix: String = "") {
        guard console.showsBars else { return }
        let now = time.bootMilliseconds
        let rate = state.withLock { state -> Double? in
            guard now - 100 >= state.shownAt || done == total else { return nil }
            state.shownAt = now
            return state.meter.rate(done, at: now)
        }
        guard let rate else { return }
        var size = winsize()
        let width = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
        console.show(bar: Self.line(title, done: done, total: total, rate: rate, suffix: suffix, width: width))
    }

    /// Takes the bar away.
    func end() {
        if console.showsBars { console.show(bar: "") }
    }

    /// The bar as text, not longer than a terminal's line.
    static func line(
        _ title: String,
        done: Int64,
        total: Int64?,
        rate: Double,
        suffix: String,
        width: Int
    ) -> String {
        var facts = Text.byteCount(done)
        if let total { facts += " of \(Text.byteCount(total))" }
        if rate > 0 {
            facts += ", \(Text.byteCount(Int64(min(rate, 1e18))))/s"
            if let total, total > done { facts += ", \(Text.span(Double(total - done) / rate)) left" }
        }
        if !suffix.isEmpty { facts += ", \(suffix)" }
        var line = title.isEmpty ? facts : "\(Text.escaped(title))  \(facts)"
        if let total, total > 0 {
            let part = min(1, max(0, Double(done) / Double(total)))
            let length = max(0, min(24, width - line.count - 11))
            if length >= 8 {
                let filled = Int((part * Double(length)).rounded(.down))
                let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: length - filled)
                line = "[\(bar)] \(Int(part * 100))%  \(line)"
            }
        }
        return String(line.prefix(max(1, width - 1)))
    }
}

/// Measures how fast a number rises, over the last seconds rather than from the beginning.
struct RateMeter {
    private var samples: [(at: Int64, done: Int64)]

    init(startedAt: Int64) { samples = [(startedAt, 0)] }

    /// The rate in units a second; 0 as long as it can't be told.
    mutating func rate(_ done: Int64, at now: Int64) -> Double {
        samples.append((now, done))
        while samples.count > 2, let second = samples.dropFirst().first, now - second.at > 5000 {
            samples.removeFirst()
        }
        guard let first = samples.first, now > first.at, done > first.done else { return 0 }
        return Double(done - first.done) * 1000 / Double(now - first.at)
    }
}
