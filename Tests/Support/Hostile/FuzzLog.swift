import Dispatch
import Foundation
import Glibc
import Synchronization

/// Notes each round of an attack where it outlives the process, and ends a process that hangs.
final class FuzzLog: Sendable {
    /// The largest growth of a process's address space that one input may cause, in bytes.
    private static let maxGrowth = 1 << 30

    private let name: String
    private let path: String
    private let descriptor: Int32
    private let began = Mutex(ContinuousClock.now)
    private let size = Mutex(0)
    // Safe: the reference never changes, and Dispatch's sources may be used by any thread.
    nonisolated(unsafe) private let watchdog: any DispatchSourceTimer

    init(_ name: String, maxSeconds: Int) {
        self.name = name
        try? FileManager.default.createDirectory(at: FuzzSettings.directory, withIntermediateDirectories: true)
        path = FuzzSettings.directory.appendingPathComponent(name).path
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        Epitaph.prepare()
        watchdog = DispatchSource.makeTimerSource(queue: .global())
        watchdog.schedule(deadline: .now() + 1, repeating: 1)
        watchdog.setEventHandler { [weak self] in
            guard let self, began.withLock({ ContinuousClock.now - $0 }) > .seconds(maxSeconds) else { return }
            Epitaph.say(" hangs: ")
            abort()
        }
        watchdog.resume()
        size.withLock { $0 = Self.peak() }
    }

    /// Notes that an input is about to be read.
    func begin(_ title: String, _ bytes: [UInt8]) {
        began.withLock { $0 = .now }
        Epitaph.note("\(name), \(title), input in \(path)\n")
        ftruncate(descriptor, bytes.count)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }

    /// How much the address space grew since last asked, if that is more than an input may cause.
    func growth() -> Int? {
        let peak = Self.peak()
        let growth = size.withLock { size in
            defer { size = max(size, peak) }
            return peak - size
        }
        return growth > Self.maxGrowth ? growth : nil
    }

    /// Keeps an input, and says where.
    func keep(_ title: String, _ bytes: [UInt8]) -> String {
        let kept = "\(path)-\(title.replacing(" ", with: "-"))"
        _ = FileManager.default.createFile(atPath: kept, contents: Data(bytes))
        return kept
    }

    func end() {
        watchdog.cancel()
        Epitaph.note("")
        close(descriptor)
        unlink(path)
    }

    /// The largest address space so far, in bytes: what is reserved counts, whether or not it was ever touched.
    private static func peak() -> Int {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        let count = Glibc.read(file, &buffer, buffer.count)
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmPeak:") }) else { return 0 }
        return (line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0) << 10
    }
}

/// The last words of a process that an input killed.
private enum Epitaph {
    private static let capacity = 1024
    // A signal's handler, or the watchdog right before it ends the process, may read half of a title, and nothing beyond.
    // Safe: the targets of a process come one after the other (`.serialized`), and the one that runs alone writes bytes.
    nonisolated(unsafe) private static let words = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    // Safe: as above.
    nonisolated(unsafe) private static var count = 0

    private static let handlers: Void = {
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE] {
            signal(number) { number in
                Epitaph.say(" kills the process: ")
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }()

    static func prepare() { handlers }

    static func note(_ text: String) {
        count = 0
        for (index, byte) in text.utf8.prefix(capacity).enumerated() { words[index] = byte }
        count = min(capacity, text.utf8.count)
    }

    /// Says which input it was; allocates nothing.
    static func say(_ deed: StaticString) {
        guard count > 0 else { return }
        _ = write(2, "Hostile input", 13)
        _ = write(2, deed.utf8Start, deed.utf8CodeUnitCount)
        _ = write(2, words, count)
    }
}
