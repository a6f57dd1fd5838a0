/// How often what goes wrong in a history: each kind in some histories only, so that they don't drown one another.
struct Weather: Sendable {
    // The processes, at each point.
    var dies = 0.0
    var pauses = 0.0
    // The local disk, at each call.
    var diskFails = 0.0
    var diskIsFull = 0.0
    // The catalog, at each call or commit.
    var catalogIsBusy = 0.0
    var commitFails = 0.0
    var commitIsSilent = 0.0
    // The remote, at each request.
    var requestFails = 0.0
    var replyIsLost = 0.0
    var requestIsDoubled = 0.0
    var requestHangs = 0.0
    var bodyIsCut = 0.0
    var bodyIsDamaged = 0.0
    var checksumIsWrong = 0.0
    var answerIsStale = 0.0
    var isSlow = false

    static let calm = Weather()

    /// Draws a weather.
    init(_ simulator: Simulator) {
        func some(_ upTo: Double) -> Double {
            simulator.happens(0.4) ? upTo * Double(simulator.pick(1...10)) / 10 : 0
        }
        dies = some(0.01)
        pauses = some(0.01)
        diskFails = some(0.03)
        diskIsFull = some(0.1)
        catalogIsBusy = some(0.05)
        commitFails = some(0.05)
        commitIsSilent = some(0.03)
        requestFails = some(0.3)
        replyIsLost = some(0.2)
        requestIsDoubled = some(0.2)
        requestHangs = some(0.05)
        bodyIsCut = some(0.2)
        bodyIsDamaged = some(0.2)
        checksumIsWrong = some(0.1)
        answerIsStale = some(0.2)
        isSlow = simulator.happens(0.2)
    }

    private init() {}
}

/// A fault that is put in on purpose, to see that it is found.
enum Mutant: String, CaseIterable, Sendable {
    /// The remote vouches for bytes that it never compared.
    case vouchesBlindly
    /// The catalog takes any ticket for the present one.
    case ignoresFences
    /// The local copy is removed before the switch to the remote is committed.
    case deletesEarly
    /// Recovery takes the living for dead.
    case takesOverTheLiving
    /// The remote is told to replace whatever has the name.
    case overwrites
    /// A failed attempt's retry is dropped.
    case forgetsRetries
}
