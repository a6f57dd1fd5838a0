import CLinux
public import FoundationEssentials
import Glibc

/// Where time comes from; tests hand in one that they move.
public protocol TimeSource: Sendable {
    /// Now, by the wall clock that due times are in; it may be set.
    var now: Date { get }
    /// Milliseconds since the machine started, sleep included (`CLOCK_BOOTTIME`); it only rises.
    var bootMilliseconds: Int64 { get }
    /// Returns after a while.
    ///
    /// - Parameter duration: How long to wait.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's own time.
public struct SystemTime: TimeSource {
    /// Makes the machine's own time.
    public init() {}
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SystemTime {
    public var now: Date { Date() }

    public var bootMilliseconds: Int64 {
        clinux_boottime() / 1_000_000
    }

    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

extension TimeSource where Self == SystemTime {
    /// The machine's own time.
    public static var system: SystemTime { SystemTime() }
}

/// The identifier of the machine's present boot.
package enum Boot {
    /// The text of `/proc/sys/kernel/random/boot_id`; a constant where there is none.
    package static let id: String = {
        let text = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? "unknown"
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }()
}

extension Duration {
    /// The duration in milliseconds, cut; the largest number if it is longer.
    package var milliseconds: Int64 {
        let (seconds, rest) = (components.seconds, components.attoseconds / 1_000_000_000_000_000)
        let (product, isTooLong) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, isTooLongInAll) = product.addingReportingOverflow(rest)
        return isTooLong || isTooLongInAll ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in seconds.
    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
