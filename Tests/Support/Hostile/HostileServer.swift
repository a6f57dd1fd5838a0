import Synchronization

/// A server that says the same to everybody, whatever is asked, and hangs up.
package final class HostileServer: Sendable {
    private final class Words: Sendable { let bytes = Mutex<[UInt8]>([]) }

    private let words: Words
    private let server: ScriptedServer

    package var port: Int { server.port }
    package var url: String { server.url }

    /// Starts a server of HTTP, which listens to a whole request before it answers.
    package static func http() throws -> HostileServer {
        try HostileServer { connection in
            let (_, _, fields) = try connection.head()
            try connection.skip(fields["content-length"].flatMap { Int($0) } ?? 0)
        }
    }

    /// Starts a server.
    ///
    /// - Parameter listen: Reads what the client says before it is answered.
    /// - Throws: `POSIXError` if no port is to be had.
    package init(listen: @escaping @Sendable (Connection) throws -> Void) throws {
        let words = Words()
        self.words = words
        server = try ScriptedServer { connection in
            try listen(connection)
            try connection.write(words.bytes.withLock { $0 })
            connection.cut()
        }
    }

    /// Says something else from now on.
    package func say(_ bytes: [UInt8]) { words.bytes.withLock { $0 = bytes } }
}

/// An answer of HTTP, whole.
package func answer(_ status: Int, _ fields: KeyValuePairs<String, String>, _ body: String = "") -> String {
    let lines = fields.map { "\($0): \($1)\r\n" }.joined()
    return "HTTP/1.1 \(status) Words\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
