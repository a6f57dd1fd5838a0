import Foundation
import QueuedStorageCore

/// A process for tests to start, and to kill: it does one thing in a location and tells it line by line.
///
/// `hold`, `half` and `staged` wait for the end of their standard input, which never comes before the kill.
@main struct Child {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            try await run(arguments[0], Array(arguments.dropFirst()))
        } catch let error as StorageError {
            say("error \(error.code): \(error)")
        } catch {
            say("error: \(error)")
        }
    }

    static func run(_ command: String, _ arguments: [String]) async throws {
        let storage = FileSystemStorage(location: arguments[0])
        switch command {
        case "identity":
            say(try storage.identity())
        case "hold":
            let staged = try await storage.stage(.text("left"), computesSHA256: false)
            say(try storage.token())
            say(staged.place)
            wait()
            withExtendedLifetime(storage) {}
        case "half":
            let named = FileSystemStorage(.init(location: arguments[0]), namesTemporaries: arguments[2] == "named")
            let content = FileReader(size: nil) {
                let isHalf = Shared(false)
                return {
                    if isHalf.value {
                        say("half")
                        wait()
                    }
                    isHalf.value = true
                    return Array(repeating: 1, count: 1 << 20)
                }
            }
            _ = try await named.store(
                FileContent(.stream(content)),
                as: arguments[1],
                options: StoreOptions(temporaryTag: "half")
            )
        case "store":
            let bytes = [UInt8](repeating: 7, count: Int(arguments[2]) ?? 0)
            let stored = try await storage.store(.bytes(bytes), as: arguments[1], options: StoreOptions(replaces: true))
            say("stored \(stored.size)")
        case "file":
            _ = try await storage.store(.file(arguments[2]), as: arguments[1], options: StoreOptions())
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            say(line.filter(\.isNumber))
        case "across":
            try await across(storage)
        case "take":
            let folder = DropFolderRegistration(id: "inbox1", path: arguments[1], storage: "s")
            try storage.register(folder)
            let path = arguments[1] + "/.qstore/taken/token1/id1"
            let file = try OpenFile(source: path)
            let taken = TakenFile(
                inbox: arguments[1],
                inboxID: "inbox1",
                entry: "token1/id1",
                isOurs: true,
                file: file,
                status: try file.status()
            )
            let staged = try await storage.stage(taken)
            say(staged.place)
            say("\(try storage.place(staged.place, as: "a", replacing: false))")
        default:
            say("There is no command \(command).")
        }
    }

    /// Everything that ends in a directory which is another mount than the rest of the location.
    static func across(_ storage: FileSystemStorage) async throws {
        _ = try await storage.store(.text("one"), as: "mnt/a", options: StoreOptions())
        _ = try await storage.store(.text("two"), as: "mnt/a", options: StoreOptions(replaces: true))
        say(String(decoding: try await storage.open("mnt/a").collect(), as: UTF8.self))
        let staged = try await storage.stage(.text("three"), computesSHA256: false)
        say("\(try storage.place(staged.place, as: "mnt/b", replacing: false))")
        say("\(try storage.place(staged.place, as: "mnt/b", replacing: false))")
        say(String(decoding: try await storage.open("mnt/b").collect(), as: UTF8.self))
        let upload = Upload(id: "upload", name: "mnt/c")
        _ = try await storage.append(.text("four"), to: upload, at: 0, options: StoreOptions())
        _ = try await storage.finish(upload, options: StoreOptions())
        say(String(decoding: try await storage.open("mnt/c").collect(), as: UTF8.self))
        let named = FileSystemStorage(storage.configuration, namesTemporaries: true)
        _ = try await named.store(.text("five"), as: "mnt/d", options: StoreOptions())
        _ = try await named.store(.text("six"), as: "mnt/d", options: StoreOptions(replaces: true))
        say(String(decoding: try await storage.open("mnt/d").collect(), as: UTF8.self))
        say(try await storage.list("mnt").files.joined(separator: " "))
        say(try await named.temporaries().joined(separator: " "))
        say(FileManager.default.fileExists(atPath: storage.location.path + "/mnt/.qstore") ? "private" : "clean")
    }

    static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    static func wait() { _ = try? FileHandle.standardInput.readToEnd() }
}
