/// What a failure of a transfer means, and when to try again.
///
/// The delay before the n-th retry is `delay` × 2ⁿ⁻¹, at most `maxDelay`, spread by ±`jitter`. With the defaults and no
/// jitter: 60, 120, 240, 480, 960 seconds, then the job fails. A remote that can't be reached costs no try, and is asked
/// again after `delay`, at most a minute.
public struct RetryPolicy: Hashable, Sendable {
    /// How many retries follow the first try; without limit if nil.
    public var retries: Int?
    /// The delay before the first retry.
    public var delay: Duration
    /// The longest delay, unless the first one is longer.
    public var maxDelay: Duration
    /// By which part of itself a delay is spread, 0 to 1.
    public var jitter: Double

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - retries: How many retries follow the first try; without limit if nil.
    ///   - delay: The delay before the first retry.
    ///   - maxDelay: The longest delay.
    ///   - jitter: By which part of itself a delay is spread.
    public init(
        retries: Int? = 5,
        delay: Duration = .seconds(60),
        maxDelay: Duration = .seconds(6 * 3600),
        jitter: Double = 0.2
    ) {
        self.retries = retries
        self.delay = delay
        self.maxDelay = maxDelay
        self.jitter = jitter
    }

    /// What to do after a failed attempt.
    public enum Decision: Hashable, Sendable {
        /// Give up, visibly.
        case giveUp(FailureClass)
        /// Try again after a while.
        case retry(FailureClass, after: Duration)
    }

    /// Decides what a failure means.
    ///
    /// - Parameters:
    ///   - error: What the attempt threw.
    ///   - tries: How many attempts failed before this one.
    ///   - random: A number from 0 to 1 that spreads the delay.
    /// - Returns: To give up, or to try again after a delay, jitter included.
    public func decide(_ error: any Error, tries: Int, random: Double = .random(in: 0...1)) -> Decision {
        switch failureClass(of: error) {
        case .permanent:
            return .giveUp(.permanent)
        case .offline:
            return .retry(.offline, after: spread(min(delay, .seconds(60)), random))
        case .transient:
            if let retries, tries >= retries { return .giveUp(.transient) }
            let asked = (error as? StorageError)?.retryAfter ?? .zero
            return .retry(.transient, after: max(asked, spread(backOff(tries: tries), random)))
        }
    }

    /// What kind of failure an error is.
    ///
    /// - Parameter error: What an attempt threw.
    /// - Returns: By the code of a ``StorageError``; any other error may pass, and is `transient`.
    public func failureClass(of error: any Error) -> FailureClass {
        guard let error = error as? StorageError else { return .transient }
        switch error.code {
        case .offline:
            return .offline
        case .notFound, .invalidName, .notSupported, .isDirectory, .notADirectory, .denied, .invalidConfiguration:
            return .permanent
        default:
            return .transient
        }
    }

    private func backOff(tries: Int) -> Duration {
        // Beyond 2⁴⁰ any delay is longer than the longest.
        min(max(maxDelay, delay), delay * (1 << min(tries, 40)))
    }

    private func spread(_ delay: Duration, _ random: Double) -> Duration {
        delay * (1 + jitter * (2 * random - 1))
    }
}
