internal import CCurl
import QueuedStorageCore

/// What the transport's thread does: it carries out commands, lets libcurl work, and hands on what came.
///
/// All of it stays on that thread.
final class EngineLoop {
    private let engine: Engine
    private let multi: UnsafeMutableRawPointer?
    private var admission: Admission<Exchange>
    private var active: [ObjectIdentifier: Transfer] = [:]
    /// Handles for the next requests.
    private var idleHandles: [EasyHandle] = []
    /// Transfers for which something came in this round.
    private var news: [Transfer] = []
    private var lastCheck: Int64 = 0

    init(_ engine: Engine) {
        self.engine = engine
        multi = engine.multi
        admission = Admission(limit: engine.options.maxConnections, perHost: engine.options.maxConnectionsPerHost)
    }

    /// Runs until the engine is stopped.
    func run() {
        while let commands = engine.takeCommands() {
            for command in commands { carryOut(command) }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            // When an FTP server answers at once, libcurl may have read the answer and wait for nothing: only the next call
            // goes on, such as to connect where the answer said.
            let hasFTP = active.values.contains { !$0.isHTTP }
            if hasFTP { curl_multi_perform(multi, &running) }
            handOn()
            endDone()
            checkIdle()
            // A call to wake up that came meanwhile ends the wait at once.
            curl_multi_poll(multi, nil, 0, active.isEmpty ? 3_600_000 : hasFTP ? 20 : 500, nil)
        }
        let stopped = StorageError(.failed, "The transport was closed.")
        for transfer in active.values {
            transfer.exchange.complete(stopped)
            curl_multi_remove_handle(multi, transfer.handle.easy)
        }
        for exchange in admission.allWaiting { exchange.complete(stopped) }
        active = [:]
        idleHandles = []
        curl_multi_cleanup(multi)
    }

    private func carryOut(_ command: Engine.Command) {
        switch command {
        case .start(let exchange):
            if !exchange.isEnded, admission.admit(exchange, host: exchange.host) { begin(exchange) }
        case .resumeReceiving(let exchange): active[ObjectIdentifier(exchange)]?.resume(receiving: true)
        case .resumeSending(let exchange): active[ObjectIdentifier(exchange)]?.resume(sending: true)
        case .remove(let exchange):
            if let transfer = active[ObjectIdentifier(exchange)] {
                end(transfer)
            } else {
                admission.removeWaiting(host: exchange.host) { $0 === exchange }
            }
        }
    }

    private func begin(_ exchange: Exchange) {
        let transfer = Transfer(exchange, idleHandles.popLast() ?? EasyHandle()) { [unowned self] in news.append($0) }
        active[ObjectIdentifier(exchange)] = transfer
        if let error = transfer.configure(engine.options) ?? transfer.join(multi) {
            exchange.complete(error)
            end(transfer)
        }
    }

    /// Lets go of a transfer, whose connection is closed unless it has come to its end.
    private func end(_ transfer: Transfer) {
        curl_multi_remove_handle(multi, transfer.handle.easy)
        active[ObjectIdentifier(transfer.exchange)] = nil
        if transfer.handle.reset(), idleHandles.count < engine.options.maxConnections {
            idleHandles.append(transfer.handle)
        }
        if let next = admission.release(host: transfer.exchange.host) { begin(next) }
    }

    private func handOn() {
        for transfer in news {
            transfer.handOn()
            transfer.endRefusedSending()
        }
        news.removeAll(keepingCapacity: true)
    }

    private func endDone() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let result = ccurl_message_result(message)
            guard let transfer = Transfer.of(easy) else { continue }
            transfer.complete(result)
            end(transfer)
        }
    }

    /// Ends what hasn't moved for too long; looks twice a second at most.
    private func checkIdle() {
        guard !active.isEmpty else { return }
        let now = SystemTime().bootMilliseconds
        guard now - lastCheck >= 450 else { return }
        lastCheck = now
        for transfer in Array(active.values) where transfer.isIdle(now, engine.options) {
            transfer.exchange.complete(transfer.idleError(engine.options))
            end(transfer)
        }
    }
}
