internal import Glibc
import QueuedStorageCore

extension PostgresOptions {
    /// Where the system keeps the certificates of known authorities.
    private static let systemCertificates = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
    ]

    /// Whether all hosts are this machine.
    var isLocal: Bool {
        guard let host else { return getenv("PGHOST") == nil && getenv("PGHOSTADDR") == nil }
        return host.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { host in
            host.isEmpty || host.hasPrefix("/") || host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }

    /// The keywords and values of a connection.
    ///
    /// Source: PostgreSQL 15, 34.1.2, "Parameter Key Words".
    var parameters: [(keyword: String, value: String)] {
        var parameters = [
            (keyword: "dbname", value: database), ("client_encoding", "UTF8"),
            ("fallback_application_name", "queued-storage"),
            ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\(statementTimeout.milliseconds)"),
        ]
        if let host { parameters.append(("host", host)) }
        if let port { parameters.append(("port", "\(port)")) }
        if let user { parameters.append(("user", user)) }
        if let password { parameters.append(("password", password.value)) }
        let mode = tls ?? (isLocal ? .prefer : .verifyFull)
        parameters.append(("sslmode", mode.rawValue))
        if let rootCertificates {
            parameters.append(("sslrootcert", rootCertificates))
        } else if mode == .verifyCA || mode == .verifyFull, !hasOwnRootCertificates,
            let system = Self.systemCertificates.first(where: { access($0, R_OK) == 0 })
        {
            parameters.append(("sslrootcert", system))
        }
        return parameters
    }

    /// Whether libpq finds certificates where it looks by itself.
    private var hasOwnRootCertificates: Bool {
        if getenv("PGSSLROOTCERT") != nil { return true }
        guard let home = getenv("HOME") else { return false }
        return access(String(cString: home) + "/.postgresql/root.crt", R_OK) == 0
    }
}

extension Duration {
    /// Whole milliseconds, at least one.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
