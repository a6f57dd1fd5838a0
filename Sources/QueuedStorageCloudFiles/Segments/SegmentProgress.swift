import Synchronization

/// Adds up what several segments report of their progress.
final class SegmentProgress: Sendable {
    private let report: (@Sendable (Int64) -> Void)?
    private let counts = Mutex<[Int: Int64]>([:])

    init(_ report: (@Sendable (Int64) -> Void)?) { self.report = report }

    /// Takes note of how many bytes of a segment were handed over.
    func note(_ index: Int) -> (@Sendable (Int64) -> Void)? {
        guard let report else { return nil }
        return { [self] count in
            let sum = counts.withLock { counts in
                counts[index] = count
                return counts.values.reduce(0, +)
            }
            report(sum)
        }
    }
}
