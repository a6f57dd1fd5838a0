internal import CCurl
internal import Glibc
import QueuedStorageCore

/// An exchange that libcurl carries now, on the transport's thread alone.
final class Transfer {
    let exchange: Exchange
    let handle: EasyHandle
    private let hasNews: (Transfer) -> Void
    private var isInNews = false

    private var head = ResponseHead()
    private var isHeadNew = false
    private var isAnswered = false
    private var received: [UInt8] = []
    private var isReceivingPaused = false

    private var sending: [UInt8] = []
    private var sendingOffset = 0
    private var handedOver: Int64 = 0
    private var reported: Int64 = 0
    /// What was handed over so far, as long as that is little: a connection that the server has closed meanwhile is
    /// found out by the first bytes, which are then sent again over a new one.
    private var replay: [[UInt8]]? = []
    private var replayIndex = 0
    private var isSendingPaused = false
    private var hasSentAll = false

    private var progress: (sent: Int64, received: Int64, queued: Int32, lines: Int) = (0, 0, 0, 0)
    private var progressAt: Int64?

    let isHTTP: Bool

    init(_ exchange: Exchange, _ handle: EasyHandle, hasNews: @escaping (Transfer) -> Void) {
        self.exchange = exchange
        isHTTP = exchange.request.url.lowercasedPrefix(4) == "http"
        self.handle = handle
        self.hasNews = hasNews
    }

    /// The transfer whose handle this is.
    static func of(_ easy: UnsafeMutableRawPointer) -> Transfer? {
        var context: UnsafeMutableRawPointer?
        guard ccurl_get_pointer(easy, CURLINFO_PRIVATE, &context) == CURLE_OK, let context else { return nil }
        return of(context: context)
    }

    private static func of(context: UnsafeMutableRawPointer) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Hands the transfer to libcurl.
    func join(_ multi: UnsafeMutableRawPointer?) -> StorageError? {
        let code = curl_multi_add_handle(multi, handle.easy)
        guard code != CURLM_OK else { return nil }
        return StorageError(.failed, "The request can't be sent: \(String(cString: curl_multi_strerror(code))).")
    }

    /// Tells libcurl whom to ask for bytes, and to whom to give them.
    func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        handle.set(CURLOPT_PRIVATE, context: context)
        handle.check(
            ccurl_set_data_function(handle.easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                return Transfer.of(context: context).header(bytes, size * count)
            }
        )
        handle.set(CURLOPT_HEADERDATA, context: context)
        handle.check(
            ccurl_set_data_function(handle.easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                return Transfer.of(context: context).write(bytes, size * count)
            }
        )
        handle.set(CURLOPT_WRITEDATA, context: context)
        handle.check(
            ccurl_set_data_function(handle.easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
                guard let bytes, let context else { return ccurl_read_abort() }
                return Transfer.of(context: context).read(into: bytes, size * count)
            }
        )
        handle.set(CURLOPT_READDATA, context: context)
        handle.check(
            ccurl_set_seek_function(handle.easy) { context, offset, origin in
                guard let context, origin == SEEK_SET else { return CURL_SEEKFUNC_FAIL }
                return Transfer.of(context: context).seek(to: Int64(offset))
            }
        )
        handle.set(CURLOPT_SEEKDATA, context: context)
    }
}

// MARK: - What libcurl calls

extension Transfer {
    private func header(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        let line = UnsafeBufferPointer(
            start: UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self),
            count: count
        )
        guard head.append(line, isHTTP: isHTTP) else { return 0 }
        isHeadNew = true
        if isHTTP, head.isFinal(followingRedirects: exchange.request.maxRedirects > 0) { isAnswered = true }
        announce()
        return count
    }

    private func write(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        guard count > 0 else { return 0 }
        guard exchange.mayReceive(after: received.count) else {
            isReceivingPaused = true
            return ccurl_write_pause()
        }
        isAnswered = true
        // libcurl hands over 16 KiB at most; where it does, more follows.
        if received.isEmpty, count >= 16 << 10 { received.reserveCapacity(FileReader.bufferSize) }
        received.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        announce()
        if received.count + (16 << 10) > FileReader.bufferSize { handOn() }
        return count
    }

    private func read(into bytes: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
        var filled = 0
        while filled < capacity {
            if sendingOffset == sending.count, !nextToSend(pausing: filled == 0) { break }
            let count = min(capacity - filled, sending.count - sendingOffset)
            sending.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return }
                memcpy(bytes + filled, start + sendingOffset, count)
            }
            sendingOffset += count
            filled += count
        }
        handedOver += Int64(filled)
        if handedOver > reported {
            reported = handedOver
            exchange.request.progress?(reported)
        }
        guard filled == 0, !hasSentAll else { return filled }
        return isRefused ? ccurl_read_abort() : ccurl_read_pause()
    }

    private func nextToSend(pausing: Bool) -> Bool {
        if let replay, replayIndex < replay.count {
            sending = replay[replayIndex]
        } else {
            switch exchange.takeForSending(pausing: pausing) {
            case .buffer(let buffer): keep(buffer)
            case .nothingYet:
                isSendingPaused = pausing && !isRefused
                return false
            case .end:
                hasSentAll = true
                return false
            }
        }
        replayIndex += 1
        sendingOffset = 0
        return true
    }

    private func keep(_ buffer: [UInt8]) {
        sending = buffer
        if case .bytes = exchange.request.body {
            replay?.append(buffer)
        } else if handedOver + Int64(buffer.count) <= ExchangeState.limit {
            replay?.append(buffer)
        } else {
            replay = nil
        }
    }

    private func seek(to offset: Int64) -> Int32 {
        guard offset == 0, replay != nil else { return CURL_SEEKFUNC_CANTSEEK }
        replayIndex = 0
        handedOver = 0
        sending = []
        sendingOffset = 0
        hasSentAll = false
        return CURL_SEEKFUNC_OK
    }
}

// MARK: - What the loop calls

extension Transfer {
    private func announce() {
        guard !isInNews else { return }
        isInNews = true
        hasNews(self)
    }

    /// Gives the exchange what came in.
    func handOn() {
        isInNews = false
        guard isHeadNew || !received.isEmpty else { return }
        let buffer = received
        received = []
        exchange.receive(isHeadNew ? head : nil, buffer, info(isWhole: false), isAnswer: isAnswered)
        isHeadNew = false
    }

    /// Whether the server has answered that it doesn't want the body.
    private var isRefused: Bool { isHTTP && isAnswered && !(200..<300).contains(head.status) }

    /// Ends the sending's pause once the body isn't wanted, as libcurl waits for the end of a pause even then.
    func endRefusedSending() { if isRefused, isSendingPaused { resume(sending: true) } }

    /// Lets libcurl go on in one direction.
    func resume(receiving: Bool = false, sending: Bool = false) {
        if receiving { isReceivingPaused = false }
        if sending { isSendingPaused = false }
        progressAt = nil
        let paused = (isReceivingPaused ? CURLPAUSE_RECV : 0) | (isSendingPaused ? CURLPAUSE_SEND : 0)
        // What goes wrong in it comes up as the transfer's result.
        curl_easy_pause(handle.easy, paused)
    }

    /// Tells the exchange that it is over.
    func complete(_ result: CURLcode) {
        handOn()
        let error: StorageError?
        if result == CURLE_OK {
            exchange.receive(head, [], info(isWhole: true), isAnswer: true)
            let isCut = isHTTP && !hasSentBody && (200..<300).contains(head.status)
            error = isCut ? .answeredEarly(exchange.host, head.status) : nil
        } else {
            error = failure(result)
        }
        exchange.complete(error)
    }

    /// Whether libcurl has taken the whole body; it doesn't ask for the end of one whose size it knows.
    private var hasSentBody: Bool {
        switch exchange.request.body {
        case .none: true
        case .bytes(let bytes): handedOver == Int64(bytes.count)
        case .stream(_, let size?): handedOver == size
        case .stream(_, nil): hasSentAll
        }
    }

    private func info(isWhole: Bool) -> TransferInfo {
        var info = TransferInfo()
        let expected = handle.offset(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T)
        info.expectedByteCount = expected >= 0 ? expected : nil
        guard isWhole else { return info }
        let fileTime = handle.offset(CURLINFO_FILETIME_T)
        info.fileTime = fileTime >= 0 ? fileTime : nil
        info.sentByteCount = handle.offset(CURLINFO_SIZE_UPLOAD_T)
        info.receivedByteCount = handle.offset(CURLINFO_SIZE_DOWNLOAD_T)
        info.newConnections = handle.number(CURLINFO_NUM_CONNECTS)
        if !isHTTP { info.entryPath = handle.text(CURLINFO_FTP_ENTRY_PATH) }
        return info
    }

    /// Whether nothing has moved for too long, apart from pauses of our own.
    ///
    /// What the kernel still holds of what we sent counts too, as a slow line takes its time for that.
    func isIdle(_ now: Int64, _ options: TransportOptions) -> Bool {
        var queued: Int32 = 0
        var socket = curl_socket_t()
        if ccurl_get_socket(handle.easy, &socket) == CURLE_OK, socket >= 0 {
            _ = ioctl(socket, UInt(TIOCOUTQ), &queued)
        }
        let current = (
            handle.offset(CURLINFO_SIZE_UPLOAD_T), handle.offset(CURLINFO_SIZE_DOWNLOAD_T), queued, head.lines.count
        )
        guard let since = progressAt, current == progress, !isReceivingPaused, !isSendingPaused else {
            progress = current
            progressAt = now
            return false
        }
        return now - since >= (exchange.request.idleTimeout ?? options.idleTimeout).milliseconds
    }
}
