internal import FoundationEssentials

/// How `ssh` is called so that SFTP comes through its standard input and output.
///
/// The user's own configuration holds, ``defaults`` come after it, and what must be so comes before it.
///
/// Source: ssh(1), ssh_config(5): of several values of a setting, the first one counts.
struct SSHCommand: Hashable, Sendable {
    var configuration: SFTPStorage.Configuration
    /// Whether a password answers the server's prompts.
    var hasPassword: Bool

    /// The arguments, given the path of the file that holds ``settings``.
    func arguments(settings path: String) -> [String] {
        var arguments = [configuration.ssh ?? "ssh", "-F", path]
        for (name, value) in fixed { arguments += ["-o", "\(name)=\(value)"] }
        if let port = configuration.port { arguments += ["-p", String(port)] }
        if let user = configuration.user { arguments += ["-l", user] }
        return arguments + ["-s", "--", configuration.host, "sftp"]
    }

    /// What no configuration may change, or what the storage's options say.
    private var fixed: [(String, String)] {
        var fixed: [(String, String)] = [
            ("StrictHostKeyChecking", "yes"), ("RequestTTY", "no"), ("RemoteCommand", "none"), ("EscapeChar", "none"),
            ("ForwardAgent", "no"), ("ForwardX11", "no"), ("ClearAllForwardings", "yes"), ("PermitLocalCommand", "no"),
            // A master that outlives us would hold the connection, and our standard error, open.
            ("ControlMaster", "no"), ("ForkAfterAuthentication", "no"), ("StdinNull", "no"),
            // What went wrong is found out from what ssh says.
            ("LogLevel", "INFO"),
        ]
        if hasPassword {
            let methods = "keyboard-interactive,password"
            fixed += [
                ("BatchMode", "no"), ("NumberOfPasswordPrompts", "1"),
                ("PreferredAuthentications", configuration.key == nil ? methods : "publickey," + methods),
            ]
        } else {
            fixed += [("BatchMode", "yes")]
        }
        if let knownHosts = configuration.knownHosts {
            fixed += [("UserKnownHostsFile", quoted(knownHosts)), ("GlobalKnownHostsFile", "/dev/null")]
        }
        if let key = configuration.key {
            fixed += [("IdentityFile", quoted(key)), ("IdentitiesOnly", "yes")]
        }
        if let agent = configuration.agent { fixed.append(("IdentityAgent", quoted(agent))) }
        if let jump = configuration.proxyJump { fixed.append(("ProxyJump", jump)) }
        if let timeout = configuration.connectTimeout { fixed.append(("ConnectTimeout", String(timeout))) }
        if let interval = configuration.keepAlive { fixed.append(("ServerAliveInterval", String(interval))) }
        if configuration.compression == true { fixed.append(("Compression", "yes")) }
        return fixed
    }

    /// The text of a configuration file for `ssh`: the user's and the machine's, and after them what we would rather have
    /// than OpenSSH's defaults.
    func settings(hasAES: Bool = Self.hasAES) -> String {
        let included =
            switch configuration.sshConfig {
            case nil: ["~/.ssh/config", "/etc/ssh/ssh_config"]
            case "none": [String]()
            case let path?: [path]
            }
        var lines = included.map { "Include \(quoted($0))" } + ["Match all"]
        lines += ["ConnectTimeout 20", "ServerAliveInterval 15", "ServerAliveCountMax 3"]
        // With the processor's help, AES is several times as fast as the cipher that OpenSSH prefers.
        if hasAES { lines.append("Ciphers ^aes128-gcm@openssh.com,aes256-gcm@openssh.com") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// A value in double quotes, as ssh_config(5) reads it; its `%` stand for themselves.
    private func quoted(_ value: String) -> String {
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
        return "\"\(escaped)\""
    }

    /// Whether the processor has instructions for AES.
    static let hasAES: Bool = {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return false }
        return text.split(separator: "\n").contains { line in
            (line.hasPrefix("flags") || line.hasPrefix("Features")) && line.split(separator: " ").contains("aes")
        }
    }()
}
