import CPostgres
internal import Glibc
import QueuedStorageCore

/// A connection to a PostgreSQL server.
///
/// It blocks, on a socket that never does, so that it can be given up.
final class PostgresConnection:
    @unchecked
        Sendable /* the pool hands it to one caller at a time, and libpq's functions touch nothing that is shared */
{
    private let handle: OpaquePointer
    /// Whether nothing was given up midway.
    private(set) var isUsable = true
    private let statementTimeout: Duration
    /// Asked now and then while waiting.
    var cancellation: Cancellation?

    /// Connects; blocks.
    ///
    /// - Throws: ``SQLFailure``, or `CancellationError`.
    init(_ options: PostgresOptions, _ cancellation: Cancellation?) throws {
        let parameters = options.parameters
        guard let handle = Self.start(parameters.map(\.keyword), parameters.map(\.value)) else {
            throw SQLFailure(.failed, "there is no memory for a connection")
        }
        self.handle = handle
        self.cancellation = cancellation
        statementTimeout = options.statementTimeout
        // Only so does the error of a login have the server's code, whatever the language of its text.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        do {
            try connect(until: .now + options.connectTimeout)
            PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
            guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
            _ = try run(
                "SELECT set_config('statement_timeout', ?1, false)",
                [.text("\(statementTimeout.milliseconds)")]
            )
        } catch {
            isUsable = false
            throw error
        }
    }

    deinit { PQfinish(handle) }

    private static func start(_ keywords: [String], _ values: [String]) -> OpaquePointer? {
        let (keywords, values) = (keywords.map { strdup($0) }, values.map { strdup($0) })
        defer { for text in keywords + values { free(text) } }
        return PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + [nil],
            values.map { UnsafePointer($0) } + [nil],
            0
        )
    }

    private func connect(until deadline: ContinuousClock.Instant) throws {
        guard PQstatus(handle) != CONNECTION_BAD else { throw SQLFailure.connecting(message) }
        var state = PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            guard state != PGRES_POLLING_FAILED else { throw SQLFailure.connecting(message) }
            let events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT
            guard try wait(for: Int16(events), until: deadline) else {
                throw SQLFailure(.offline, "no connection was made in time; check host, port and firewall")
            }
            state = PQconnectPoll(handle)
        }
    }

    /// Whether nothing came that wasn't asked for, as the end of the connection would be.
    var isAlive: Bool {
        guard isUsable, PQstatus(handle) == CONNECTION_OK, PQtransactionStatus(handle) == PQTRANS_IDLE else {
            return false
        }
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        // What comes to who asked for nothing is the server's farewell, or not worth to be told from it.
        return poll(&descriptor, 1, 0) == 0
    }

    /// Whether it is in no transaction, and can be used by the next caller.
    var isIdle: Bool { isUsable && PQstatus(handle) == CONNECTION_OK && PQtransactionStatus(handle) == PQTRANS_IDLE }

    /// What libpq says of the last failure.
    private var message: String { String(cString: PQerrorMessage(handle)) }

    private func lost() -> SQLFailure {
        SQLFailure(.failed, "the connection to the server was lost", detail: SQLFailure.firstLine(message))
    }

    /// Waits for the socket.
    ///
    /// - Returns: False if it took too long.
    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) throws -> Bool {
        while true {
            do { try cancellation?.check() } catch {
                isUsable = false
                throw error
            }
            let left = deadline - .now
            guard left > .zero else {
                isUsable = false
                return false
            }
            var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
            if poll(&descriptor, 1, Int32(min(left.milliseconds, 100))) > 0 { return true }
        }
    }
}

extension PostgresConnection: SQLSession {
    func run(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        guard isUsable else { throw lost() }
        let marks = (ours: UInt8(ascii: "?"), theirs: UInt8(ascii: "$"))
        try send(String(decoding: sql.utf8.map { $0 == marks.ours ? marks.theirs : $0 }, as: UTF8.self), arguments)
        // The server gives up first, if it is alive.
        let deadline = ContinuousClock.now + statementTimeout + .seconds(5)
        while true {
            let unsent = PQflush(handle)
            guard unsent >= 0 else { throw broken() }
            guard unsent > 0 || PQisBusy(handle) == 1 else { break }
            guard try wait(for: Int16(unsent > 0 ? POLLIN | POLLOUT : POLLIN), until: deadline) else {
                throw SQLFailure(.timedOut, "the server didn't answer in time")
            }
            guard PQconsumeInput(handle) == 1 else { throw broken() }
        }
        var rows: [SQLRow] = []
        var failure: SQLFailure?
        while let result = PQgetResult(handle) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK: rows = Self.rows(of: result)
            case PGRES_COMMAND_OK: break
            default: failure = failure ?? Self.failure(of: result)
            }
        }
        if let failure {
            if PQstatus(handle) != CONNECTION_OK { isUsable = false }
            throw failure
        }
        return rows
    }

    private func broken() -> SQLFailure {
        isUsable = false
        return lost()
    }

    private func send(_ sql: String, _ arguments: [SQLValue]) throws {
        // All values lie one behind the other, for as long as libpq needs to copy them.
        var bytes: [UInt8] = []
        var places: [(type: Oid, start: Int, count: Int)?] = []
        for argument in arguments {
            let start = bytes.count
            switch argument {
            case .null:
                places.append(nil)
                continue
            case .integer(let value):
                withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
                places.append((PostgresType.int8, start, 8))
            case .text(let text):
                bytes.append(contentsOf: text.utf8)
                places.append((PostgresType.text, start, bytes.count - start))
            case .bytes(let value):
                bytes.append(contentsOf: value)
                places.append((PostgresType.bytea, start, value.count))
            }
        }
        bytes.append(0)
        let sent = bytes.withUnsafeBufferPointer { buffer in
            let values = places.map { place in
                place.flatMap { place in
                    buffer.baseAddress.map { UnsafeRawPointer($0 + place.start).assumingMemoryBound(to: CChar.self) }
                }
            }
            return PQsendQueryParams(
                handle,
                sql,
                Int32(arguments.count),
                places.map { $0?.type ?? 0 },
                values,
                places.map { Int32($0?.count ?? 0) },
                places.map { _ in 1 },
                1
            )
        }
        guard sent == 1 else { throw broken() }
    }

    private static func rows(of result: OpaquePointer) -> [SQLRow] {
        let columns = PQnfields(result)
        let types = (0..<columns).map { PQftype(result, $0) }
        return (0..<PQntuples(result)).map { row in
            (0..<columns).map { column in
                guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else {
                    return .null
                }
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
                switch types[Int(column)] {
                case PostgresType.int8, PostgresType.int4, PostgresType.int2:
                    // Sign-extended from the first byte on.
                    let first: Int64 = (bytes.first ?? 0) & 0x80 == 0 ? 0 : -1
                    return .integer(bytes.reduce(first) { $0 << 8 | Int64($1) })
                case PostgresType.bytea: return .bytes([UInt8](bytes))
                default: return .text(String(decoding: bytes, as: UTF8.self))
                }
            }
        }
    }

    private static func failure(of result: OpaquePointer) -> SQLFailure {
        // PG_DIAG_SQLSTATE and PG_DIAG_MESSAGE_PRIMARY are character macros.
        let field = { (letter: Unicode.Scalar) in
            PQresultErrorField(result, Int32(letter.value)).map { String(cString: $0) }
        }
        guard let state = field("C") else {
            return SQLFailure(
                .failed,
                "the connection to the server was lost",
                detail: SQLFailure.firstLine(String(cString: PQresultErrorMessage(result)))
            )
        }
        return SQLFailure(state: state, message: field("M") ?? "")
    }
}

/// The types that are sent and received; they never change.
///
/// Source: PostgreSQL 15, `pg_type.dat`.
private enum PostgresType {
    static let bytea: Oid = 17
    static let int8: Oid = 20
    static let int2: Oid = 21
    static let int4: Oid = 23
    static let text: Oid = 25
}
