import Foundation
import QueuedStorageCore

/// The simulated time, as a process sees it.
struct SimulatedTime: TimeSource {
    let process: SimulatedProcess

    var now: Date { process.world.wallClock }

    var bootMilliseconds: Int64 { process.world.simulator.now / 1000 }

    func sleep(for duration: Duration) async throws {
        if process.isDead { throw CancellationError() }
        try await process.world.simulator.sleep(max(1, duration.milliseconds) * 1000)
        await process.waitWhilePaused()
        if process.isDead { throw CancellationError() }
    }
}
