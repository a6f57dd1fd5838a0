import CLinux
import Glibc
import QueuedStorageCore

/// Waits until an inotify descriptor has events, or until somebody wakes it.
struct WakeableDescriptor: Sendable {
    private let wake: OpenFile

    init() throws(FileEventError) {
        let descriptor = clinux_eventfd(0, clinux_EFD_CLOEXEC | clinux_EFD_NONBLOCK)
        guard descriptor >= 0 else { throw FileEventError(errno: errno, "eventfd") }
        wake = OpenFile(descriptor)
    }

    func wakeUp() {
        var one: UInt64 = 1
        _ = Glibc.write(wake.descriptor, &one, 8)
    }

    func wait(for descriptor: Int32) {
        var polled = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, 2, -1) > 0, polled[1].revents != 0 else { return }
        var count: UInt64 = 0
        _ = Glibc.read(wake.descriptor, &count, 8)
    }
}

extension FileEventError {
    /// Translates an error of inotify's.
    ///
    /// Source: inotify_init(2), inotify_add_watch(2).
    init(errno: Int32, _ call: String) {
        let code: Code =
            switch errno {
            case ENOSPC, EMFILE, ENFILE, ENOMEM: .limitReached
            case ENOENT, ENOTDIR, ELOOP, EBADF: .gone
            case EACCES, EPERM: .denied
            default: .unavailable
            }
        let hint = errno == ENOSPC ? "; raise fs.inotify.max_user_watches" : ""
        self.init(code, "\(call): \(String(cString: strerror(errno)))\(hint)")
    }
}
