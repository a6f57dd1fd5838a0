internal import CCurl
import Glibc
import QueuedStorageCore
private import Synchronization

/// The transport's thread, as tasks see it: they leave commands, and wake it.
final class Engine: Sendable {
    /// What tasks ask of the thread.
    enum Command: Sendable {
        case start(Exchange)
        case resumeReceiving(Exchange)
        case resumeSending(Exchange)
        case remove(Exchange)
    }

    private struct State {
        var commands: [Command] = []
        var hasThread = false
        var isStopped = false
    }

    let options: TransportOptions
    private let state = Mutex(State())
    /// libcurl's multi handle.
    // The pointer never changes, and only the thread uses what it points to, but for `curl_multi_wakeup`.
    // Safe: that one may be called by any thread (libcurl-thread(3)).
    nonisolated(unsafe) let multi: UnsafeMutableRawPointer?

    /// libcurl's own state, made once for the process.
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init(_ options: TransportOptions) {
        self.options = options
        multi = Self.isReady ? curl_multi_init() : nil
        _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.maxConnections)
        _ = ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    /// The thread, if there is one, still uses the handle and frees it; `stop` was called before.
    deinit { if !state.withLock({ $0.hasThread }) { curl_multi_cleanup(multi) } }

    /// Begins an exchange.
    func start(_ exchange: Exchange) {
        guard multi != nil else {
            exchange.fail(StorageError(.failed, "libcurl couldn't be started; the memory may be used up."))
            return
        }
        if let error = state.withLock({ startThread(&$0) }) {
            exchange.fail(StorageError(.failed, "No thread could be started for transfers.", cause: error))
            return
        }
        enqueue(.start(exchange))
    }

    /// Leaves a command.
    func enqueue(_ command: Command) {
        state.withLock { state in
            guard state.hasThread, !state.isStopped else { return }
            state.commands.append(command)
            if state.commands.count == 1 { curl_multi_wakeup(multi) }
        }
    }

    /// Ends the thread.
    func stop() {
        state.withLock { state in
            guard state.hasThread, !state.isStopped else { return }
            state.isStopped = true
            curl_multi_wakeup(multi)
        }
    }

    /// Takes the commands that are there; nil once the thread shall end, after which nobody wakes it any more.
    func takeCommands() -> [Command]? {
        state.withLock { state in
            guard !state.isStopped else { return nil }
            defer { state.commands = [] }
            return state.commands
        }
    }

    private func startThread(_ state: inout State) -> SystemError? {
        guard !state.hasThread else { return nil }
        var thread = pthread_t()
        let engine = Unmanaged.passRetained(self)
        let error = pthread_create(&thread, nil, engineMain, engine.toOpaque())
        guard error == 0 else {
            engine.release()
            return SystemError(error, "pthread_create")
        }
        pthread_detach(thread)
        state.hasThread = true
        return nil
    }
}

/// What the thread runs.
private func engineMain(_ engine: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // Signals are for other threads. A SIGPIPE, which OpenSSL's writes raise in the writing thread, stays pending.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    guard let engine else { return nil }
    EngineLoop(Unmanaged<Engine>.fromOpaque(engine).takeRetainedValue()).run()
    return nil
}
