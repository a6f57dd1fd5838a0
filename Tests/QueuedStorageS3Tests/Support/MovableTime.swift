import Foundation
import QueuedStorageCore
import Synchronization

/// Time that a test moves; who sleeps is woken at once, and noted.
final class MovableTime: TimeSource {
    private let state: Mutex<(now: Date, slept: [Duration])>

    init(_ now: Date = Date(timeIntervalSince1970: 1_709_211_909)) { state = Mutex((now, [])) }

    var now: Date { state.withLock { $0.now } }
    var bootMilliseconds: Int64 { Int64(now.timeIntervalSince1970 * 1000) }
    /// How long was slept, each time.
    var slept: [Duration] { state.withLock { $0.slept } }

    func move(by seconds: TimeInterval) { state.withLock { $0.now += seconds } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        state.withLock { $0.slept.append(duration) }
    }
}
