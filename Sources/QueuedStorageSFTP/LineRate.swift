/// How many bytes come in the time that a request takes there and back, to tell a long line from a slow one.
///
/// OpenSSH has at most 2 MiB on their way in a connection. Where that many come in each round trip, the connection's window is
/// what keeps the reader waiting, and a second connection has one of its own; where fewer come, it is the line, the server
/// or this machine, which another connection makes no faster.
struct LineRate {
    /// Whether a window is in use is seen from half of one.
    private static let windowByteCount = 1 << 20
    /// So many bytes are looked at before anything is said.
    private static let sampleByteCount = 8 << 20

    private let roundTrip: Duration
    private var byteCount = 0
    private var since = ContinuousClock.now

    /// Begins to measure.
    ///
    /// - Parameter roundTrip: How long a small request takes there and back.
    init(roundTrip: Duration) { self.roundTrip = roundTrip }

    /// Counts what came.
    mutating func note(_ count: Int) { byteCount += count }

    /// Begins anew, as something else is measured from now on.
    mutating func restart() {
        byteCount = 0
        since = .now
    }

    /// Whether the windows of so many connections are what limits them; false as long as it isn't known.
    mutating func isTooLong(for connectionCount: Int) -> Bool {
        guard byteCount >= Self.sampleByteCount else { return false }
        let trips = (ContinuousClock.now - since) / max(roundTrip, .microseconds(1))
        let isTooLong = Double(byteCount) / max(trips, 1) >= Double(connectionCount * Self.windowByteCount)
        if !isTooLong { restart() }
        return isTooLong && roundTrip >= .milliseconds(2)
    }
}
