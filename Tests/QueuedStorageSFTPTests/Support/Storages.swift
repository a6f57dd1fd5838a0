import QueuedStorageCore
import QueuedStorageSFTP
import TestSupport

extension SFTPStorage {
    /// A storage on OpenSSH's server.
    static func openSSH(
        _ server: TestServer,
        port: Int? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> SFTPStorage {
        var configuration = Configuration(
            host: "127.0.0.1",
            directory: server["directory"],
            user: server["user"],
            port: port ?? server.port,
            key: server["key"],
            knownHosts: server["knownHosts"]
        )
        configuration.agent = "none"
        configuration.sshConfig = "none"
        change(&configuration)
        return try SFTPStorage(configuration)
    }

    /// A storage on a server that knows passwords only, and whose rename replaces.
    static func password(
        _ server: TestServer,
        password: String? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> SFTPStorage {
        var configuration = Configuration(
            host: "127.0.0.1",
            directory: server["directory"],
            user: server["user"],
            port: server.port,
            knownHosts: server["knownHosts"]
        )
        configuration.agent = "none"
        configuration.sshConfig = "none"
        change(&configuration)
        return try SFTPStorage(configuration, password: Secret(password ?? server["password"]))
    }
}

/// Content for checks: blocks of an odd size, each with its number in it, so that a piece in the wrong place shows.
func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 0x9E37_79B9
    let block = (0..<min(count, 65_521)).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 24)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + block.count)
    while bytes.count < count {
        let number = UInt32(bytes.count / 65_521)
        bytes += block
        for index in 0..<min(4, count) {
            bytes[bytes.count - block.count + index] = UInt8(truncatingIfNeeded: number >> UInt32(8 * index))
        }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}
