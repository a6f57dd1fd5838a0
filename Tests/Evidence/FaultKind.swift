import Glibc

/// A way in which a call fails once, and the calls that may fail so.
struct FaultKind: Sendable {
    let name: String
    let act: String
    var only: [String] = []
    var counts = ""

    /// The calls that need space.
    private static let growing = [
        "create", "tmpfile", "write", "truncate", "extend", "allocate", "mkdir", "link", "rename", "setxattr", "fsync",
        "fdatasync", "syncfs",
    ]

    static let all = [
        FaultKind(name: "EIO", act: "\(EIO)"),
        FaultKind(name: "EIO-read", act: "\(EIO)", only: ["open", "read", "pread"], counts: "r"),
        FaultKind(name: "ENOSPC", act: "\(ENOSPC)", only: growing),
        FaultKind(name: "EDQUOT", act: "\(EDQUOT)", only: growing),
        FaultKind(
            name: "EINTR",
            act: "\(EINTR)",
            only: ["open", "create", "tmpfile", "read", "pread", "write", "truncate", "extend", "allocate"],
            counts: "r"
        ),
        FaultKind(name: "short", act: "short", only: ["write"]),
    ]
}
