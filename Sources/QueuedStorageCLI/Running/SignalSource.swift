import Dispatch
import Glibc

/// Listens to a signal as long as it lives.
final class SignalSource: @unchecked Sendable /* libdispatch's objects are thread-safe */ {
    private let number: Int32
    private let source: any DispatchSourceSignal

    /// Begins to listen; blocks until no signal is missed any more.
    ///
    /// The signal no longer does what it does by default: libdispatch sees to that.
    init(_ number: Int32, _ handle: @escaping @Sendable () -> Void) {
        self.number = number
        source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: handle)
        let isRegistered = DispatchSemaphore(value: 0)
        source.setRegistrationHandler { isRegistered.signal() }
        source.resume()
        isRegistered.wait()
    }

    /// Stops listening; the signal does again what it does by default.
    func end() {
        source.cancel()
        signal(number, SIG_DFL)
    }
}
