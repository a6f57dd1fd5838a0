/// The beginning of a command that runs the rest with mounts of its own, which nobody else sees.
///
/// Without privileges that takes a user namespace of its own too. In a root directory of its own (chroot) the kernel makes
/// none, and mounts end with their namespace all the same.
/// Source: user_namespaces(7), unshare(1).
public let ownMounts = [
    "/bin/sh", "-c",
    """
    if unshare -rm true 2>/dev/null; then exec unshare -rm "$@"; fi
    exec unshare -m --propagation unchanged "$@"
    """,
    "own-mounts",
]
