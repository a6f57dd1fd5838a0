import FoundationEssentials
import QueuedStorageCore
import Synchronization

/// The machine's time, moved on where a test doesn't want to wait.
final class ManualTime: TimeSource {
    private let system = SystemTime()
    private let offset = Mutex(0)

    var now: Date { system.now + Double(offset.withLock { $0 }) }
    var bootMilliseconds: Int64 { system.bootMilliseconds + Int64(offset.withLock { $0 }) * 1000 }

    func sleep(for duration: Duration) async throws { try await system.sleep(for: duration) }

    /// Moves the time on, by seconds.
    func advance(by seconds: Int) { offset.withLock { $0 += seconds } }
}
