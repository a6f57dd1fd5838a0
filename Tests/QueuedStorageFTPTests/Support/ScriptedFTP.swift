import Dispatch
import QueuedStorageCore
import QueuedStorageFTP
import Synchronization
import TestSupport

/// An FTP server with files in memory that answers some commands as a test says.
final class ScriptedFTP: Sendable {
    /// The files by their paths, the directories, and all commands but those of a login.
    struct Contents: Sendable {
        var files: [String: [UInt8]] = [:]
        var directories: Set<String> = ["/"]
        var commands: [String] = []
    }

    /// Given a command, and what is there: what is answered instead of the usual; "" breaks the connection off.
    typealias Answer = @Sendable (_ command: String, _ contents: inout Contents) -> String?
    /// Reads what is stored in a path; nil breaks the connections off.
    typealias Storing = @Sendable (_ path: String, _ data: Connection) throws -> [UInt8]?

    private final class Shared: Sendable { let contents = Mutex(Contents()) }

    private let server: ScriptedServer
    private let shared = Shared()

    var contents: Contents { shared.contents.withLock { $0 } }

    /// Starts a server.
    init(
        features: [String] = [],
        renameReplaces: Bool = true,
        answer: @escaping Answer = { _, _ in nil },
        storing: @escaping Storing = { _, data in try data.rest() }
    ) throws {
        server = try ScriptedServer { [shared] connection in
            var session = Session(connection: connection, features: features, renameReplaces: renameReplaces)
            try connection.write("220 hello\r\n")
            while true {
                let line = try connection.line()
                let special = shared.contents.withLock { contents in
                    if !["USER", "PASS", "EPSV", "TYPE", "PWD"].contains(line.prefix(4).trimmed) {
                        contents.commands.append(line)
                    }
                    return answer(line, &contents)
                }
                if special == "" { return connection.cut() }
                if let special {
                    try connection.write(special + "\r\n")
                } else {
                    guard try session.obey(line, shared.contents, storing) else { return connection.cut() }
                }
            }
        }
    }

    /// A storage on it.
    func storage(adjust: (inout FTPOptions) -> Void = { _ in }) throws -> FTPStorage {
        var options = FTPOptions()
        adjust(&options)
        return try FTPStorage(
            host: "127.0.0.1",
            port: server.port,
            user: "u",
            password: Secret("p"),
            directory: "/d",
            options: options
        )
    }

    private struct Session {
        let connection: Connection
        let features: [String]
        let renameReplaces: Bool
        private var data: DataPort?
        private var renamed: String?

        init(connection: Connection, features: [String], renameReplaces: Bool) {
            (self.connection, self.features, self.renameReplaces) = (connection, features, renameReplaces)
        }

        /// Does what a command says; false if the connection is to be broken off.
        mutating func obey(_ line: String, _ contents: borrowing Mutex<Contents>, _ storing: Storing) throws -> Bool {
            let verb = line.prefix { $0 != " " }.uppercased()
            let path = String(line.dropFirst(verb.count + 1))
            var reply: String
            switch verb {
            case "EPSV":
                let port = try DataPort()
                data = port
                reply = "229 here (|||\(port.port)|)"
            case "STOR":
                try connection.write("150 go on\r\n")
                guard let accepted = data?.accept(), let bytes = try storing(path, accepted) else { return false }
                contents.withLock { $0.files[path] = bytes }
                reply = "226 stored"
            case "RETR":
                guard let bytes = contents.withLock({ $0.files[path] }) else {
                    reply = "550 \(path): no such file"
                    break
                }
                try connection.write("150 it comes\r\n")
                let accepted = data?.accept()
                try accepted?.write(bytes)
                accepted?.finish()
                reply = "226 sent"
            case "RNFR":
                renamed = path
                reply = contents.withLock { $0.files[path] } != nil ? "350 and to" : "550 \(path): no such file"
            case "RNTO":
                let (source, replaces) = (renamed ?? "", renameReplaces)
                reply = contents.withLock { contents in
                    guard let bytes = contents.files[source], replaces || contents.files[path] == nil else {
                        return "550 \(path): file exists"
                    }
                    contents.files[source] = nil
                    contents.files[path] = bytes
                    return "250 renamed"
                }
            default:
                let features = features
                reply = contents.withLock { $0.answer(verb, path, features) }
            }
            try connection.write(reply + "\r\n")
            return true
        }
    }
}

extension ScriptedFTP.Contents {
    fileprivate mutating func answer(_ verb: String, _ path: String, _ features: [String]) -> String {
        switch verb {
        case "USER": return "331 who says so?"
        case "PASS": return "230 in"
        case "PWD": return "257 \"/\" is it"
        case "FEAT": return (["211-what", " MLST type*;size*;"] + features.map { " \($0)" } + ["211 end"]).lines
        case "TYPE", "OPTS", "CWD", "NOOP": return "200 fine"
        case "REST": return "350 from there"
        case "MLST":
            let facts = files[path].map { "type=file;size=\($0.count);" }
            guard let facts = facts ?? (directories.contains(path) ? "type=dir;" : nil) else {
                return "550 \(path): no such file"
            }
            return ["250-", " \(facts) \(path)", "250 end"].lines
        case "SIZE": return files[path].map { "213 \($0.count)" } ?? "550 \(path): no such file"
        case "DELE": return files.removeValue(forKey: path) == nil ? "550 \(path): no such file" : "250 deleted"
        case "MKD": return directories.insert(path).inserted ? "257 made" : "550 \(path): file exists"
        default: return "502 \(verb) isn't known"
        }
    }
}

extension [String] {
    fileprivate var lines: String { joined(separator: "\r\n") }
}

extension Substring {
    fileprivate var trimmed: String { String(prefix { $0 != " " }) }
}

extension Connection {
    /// Reads to the end.
    func rest() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while case let more = try read(upTo: 1 << 20), !more.isEmpty { bytes += more }
        return bytes
    }
}

/// A port that takes one connection for content.
private final class DataPort: Sendable {
    var port: Int { listener.port }
    private let listener: Listener
    private let accepted = Accepted()

    private final class Accepted: Sendable {
        let connection = Mutex<Connection?>(nil)
        let semaphore = DispatchSemaphore(value: 0)
    }

    init() throws {
        listener = try Listener()
        listener.serve { [accepted] descriptor in
            accepted.connection.withLock { $0 = Connection(descriptor) }
            accepted.semaphore.signal()
            return true
        }
    }

    deinit { listener.stop() }

    func accept() -> Connection? {
        accepted.semaphore.wait()
        return accepted.connection.withLock { $0 }
    }
}
