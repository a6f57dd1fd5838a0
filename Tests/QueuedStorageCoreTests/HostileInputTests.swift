import Foundation
import Glibc
import TestSupport
import Testing

@testable import QueuedStorageCore

/// What a stranger can say to the core: names, places, addresses and options.
@Suite(.serialized) struct HostileInputTests {
    private static let names = [
        "a.txt", "2026/11/cat.jpg", "a/../b", "../up", "/etc/passwd", "a/./b", "a//b", ".qstore/id",
        "a/.qstore/staging/x",
        "nul\0byte", "new\nline", "trailing/", "trailing.", "..", ".", "", " ", "-rf", "link/x", "deep/passwd", "C:\\x",
        "a\\..\\..\\b", "a/\u{301}b/c", "e\u{301}", "\u{e9}", String(repeating: "x", count: 255),
        String(repeating: "x", count: 256), "d/" + String(repeating: "ü", count: 128), "&lt;&#47;&#x2f;..&period;/x",
        String(repeating: "a/", count: 100) + "x",
    ]

    @Test func `names stay below their location on paper`() async throws {
        try await HostileInput("names", Self.names).attack { bytes in
            let name = String(decoding: bytes, as: UTF8.self)
            if let path = try? FileName.relative(name, to: "/base") {
                let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                try hold(
                    !parts.contains { $0.elementsEqual("..".utf8) || $0.elementsEqual(".".utf8) },
                    "it climbs: \(path)"
                )
                try hold(path.utf8.first != UInt8(ascii: "/"), "it is absolute: \(path)")
            }
            if (try? FileName.validate(name)) != nil {
                try hold((try? FileName.relative(name, to: "/base")) ?? "" != "", "a valid name is none below a base")
                try hold(!name.utf8.contains(0), "a valid name has a NUL")
            }
            if let url = try? FileName.url(name, base: "http://host/base") {
                try hold(url.hasPrefix("http://host/base/") && !url.contains("/../"), "the address leads out: \(url)")
            }
            for made in [FileName.sanitizedUpload(name), try? FileName.uploaded(name), try? FileName.cleaned(name)] {
                if let made { try holdComponents([made.replacing("\0", with: "")]) }
            }
            let (root, ext) = FileName.splitExtension(FileName.split(name).base)
            try hold((root + ext).utf8.elementsEqual(FileName.split(name).base.utf8), "its extension isn't its own")
            _ = (FileName.cacheKey(name), FileName.quoted(name), FileName.normalized(name), HTMLEntities.decoding(name))
        }
    }

    @Test func `names stay below their location on a disk with links that lead out`() async throws {
        try await withTemporaryDirectory { directory in
            try "untouched".write(toFile: "\(directory)/secret", atomically: false, encoding: .utf8)
            mkdir("\(directory)/outside", 0o755)
            var round = 0
            try await HostileInput("names", Self.names, cost: 30).attack { bytes in
                let name = String(decoding: bytes, as: UTF8.self)
                round += 1
                let location = "\(directory)/media-\(round)"
                mkdir(location, 0o755)
                symlink("../outside", "\(location)/link")
                symlink("/etc", "\(location)/deep")
                symlink("../secret", "\(location)/secret")
                let storage = FileSystemStorage(location: location)

                do {
                    let saved = try await storage.save(name, .text("content"))
                    let path = try storage.path(saved)
                    let real = realpath(path, nil).map { text in
                        defer { free(text) }
                        return String(cString: text)
                    }
                    try hold(real?.hasPrefix(location + "/") == true, "it lies at \(real ?? "no place")")
                    try hold(try await storage.open(saved).collect() == Array("content".utf8), "it reads otherwise")
                    let parts = FileName.split(saved)
                    let listed = try await storage.list(parts.directory).files
                    try hold(listed.contains { $0.utf8.elementsEqual(parts.base.utf8) }, "it isn't listed")
                    try await storage.delete(saved)
                } catch let error as StorageError {
                    let leads = ["link", "deep", "secret"].contains { name.hasPrefix($0) }
                    let isValid = (try? FileName.validate(name)) != nil && name.utf8.count < 2000
                    try hold(!isValid || leads, "a valid name is refused: \(error)")
                }
                for probe in [{ _ = try await storage.exists(name) }, { _ = try await storage.list(name) }] {
                    do { try await probe() } catch is StorageError {}
                }
                try await refusing { try await storage.delete(name) }
                let outside = everything("\(directory)/outside")
                try hold(outside.isEmpty, "\(outside) came to be outside")
                try hold(access("\(directory)/secret", F_OK) == 0, "what lies beside the location is gone")
                try hold(
                    Set(try entries(directory)) == ["secret", "outside", "media-\(round)"],
                    "something is beside it"
                )
                try FileManager.default.removeItem(atPath: location)
            }
            #expect(try String(contentsOfFile: "\(directory)/secret", encoding: .utf8) == "untouched")
        }
    }

    @Test func `places from a database lead nowhere but to staged bytes`() async throws {
        try await withTemporaryDirectory { directory in
            let location = "\(directory)/media"
            let storage = FileSystemStorage(location: location)
            let staged = try await storage.stage(.text("staged"), computesSHA256: false)
            try "untouched".write(toFile: "\(directory)/secret", atomically: false, encoding: .utf8)
            let before = try FileManager.default.contentsOfDirectory(atPath: "\(location)/.qstore")
            let target = HostileInput(
                "places",
                [
                    "staging/token/id", "inbox/id/token/entry", "staging/../../../secret", "staging/../id",
                    "../../secret",
                    "/etc/passwd", "staging/a/b/c", "staging//", "", "staging/a/../../..", staged.place,
                ],
                cost: 10
            )
            try await target.attack { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                if let place = try? Place(text) {
                    let parts = text.split(separator: "/").map { String($0) }
                    try hold(parts.allSatisfy(Place.isIdentifier), "\(place) is a place")
                }
                guard text != staged.place else { return }
                try await refusing { try storage.discard(text) }
                try await refusing { _ = try storage.place(text, as: "taken.txt", replacing: true) }
                try await refusing { try storage.removeCopy("nothing.txt", place: text) }
                try await refusing { try storage.removeCopy(text, place: nil) }
                try await refusing { _ = try storage.content(of: "nothing.txt", place: text) }
                try await refusing { try storage.sync(names: [text], places: [text]) }
                try await refusing { _ = try storage.isOwnerAlive(ofPlace: text) }
                try await refusing { _ = try storage.isAlive(text) }
                try hold(access("\(directory)/secret", F_OK) == 0, "what lies beside the location is gone")
                try hold(try entries(directory) == ["media", "secret"], "something is beside the location")
                try hold(try await !storage.exists("taken.txt"), "something got a name")
            }
            let after = try FileManager.default.contentsOfDirectory(atPath: "\(location)/.qstore")
            #expect(Set(before).isSubset(of: after))
            #expect(try await storage.content(of: "x", place: staged.place).reader().collect() == Array("staged".utf8))
        }
    }

    @Test func `addresses are read, or refused without their passwords`() async throws {
        let target = HostileInput(
            "storage-urls",
            [
                "s3://bucket/prefix?region=eu-west-1&endpoint=http://127.0.0.1:9000", "sftp://u@[::1]:22/d?key=/k",
                "file:///a%20b", "mogilefs://a:7001,b:7001/d", "ftp://h:99999999999999999999/", "x://[::1", "x://]:[/",
                "://", "x://@@:@/?=&=",
                "dir:///tmp/x?fileMode=384&allowOverwrite=true&directoryMode=9999999999999999999",
            ],
            words: ["://", "@", "s3://", "passwordFile=", "fileMode=", "%3a", "%3A", "%40"]
        )
        var types = StorageTypes.builtIn
        types.register(
            StorageScheme("dir", form: "dir:///directory", type: "FileSystemStorage") { ["location": .string($0.path)] }
        )
        try await target.attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            do {
                let url = try StorageURL(text)
                let again = try StorageURL(printed(url))
                try hold(again == url, "\(url) was printed, and read as \(again)")
                _ = (url.host, try? url.port(), try? url.parameters())
                let (type, options) = try types.read(url)
                _ = try types.storage(type, options)
            } catch is StorageURLError {
            } catch is StorageError {}
        }
        // The same inputs as passwords, where people write them.
        try await target.attack { bytes in
            let noise = String(decoding: bytes, as: UTF8.self).prefix(200)
            for text in [
                "sftp://anna:\(noise)hunter2@host/dir", "sftp://anna:hunter2\(noise)@host/dir",
                "s3://bucket/?password=\(noise)hunter2", "s3://bucket/?secret=hunter2\(noise)",
                "ftp://host/?Password=hunter2%\(noise)",
            ] {
                do {
                    let url = try StorageURL(text)
                    _ = try url.port()
                    _ = try url.parameters()
                    _ = try types.read(url)
                } catch let error as StorageURLError {
                    try hold(!error.message.contains("hunter2"), "\(text): \(error.message)")
                } catch is StorageError {}
            }
        }
    }

    @Test func `times, rates and configurations are read or refused`() async throws {
        let examples = [
            "1h30m", "250ms", "2d", "9223372036854775807d", "9223372036854775807ms", "10/m", "1/h", "0/s",
            "9223372036854775807",
            #"{"alias":"a","local":"FileSystemStorage","localOptions":{"location":"m","fileMode":384},"retries":3,"retryDelay":1.5,"rateLimit":"2/s"}"#,
            #"{"retryDelay":1e300,"retries":-1}"#, #"{"retryDelay":-1e300}"#,
            #"{"localOptions":{"location":"x","fileMode":-1}}"#,
        ]
        try await HostileInput("options", examples).attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            if let duration = Duration(parsing: text) {
                try hold(Duration(parsing: duration.optionText) == duration, "\(text) reads as \(duration.optionText)")
            }
            if let limit = try? RateLimit(text) { try hold(limit.interval > 0, "no time passes at \(text)") }
            guard
                let configuration = try? JSONDecoder().decode(QueuedStorageConfiguration.self, from: Data(bytes))
            else { return }
            try await refusing { _ = try QueuedStorageOptions(configuration) }
            try await refusing {
                _ = try StorageTypes.builtIn.storage(configuration.local ?? "", configuration.localOptions)
            }
        }
    }

    @Test func `numbers as options are times, or refused`() async throws {
        let numbers: [Double] = [.infinity, -.infinity, .nan, 1e300, -1e300, 9.3e18, 9.2e18, 0, -0.0, 1e-300, 4e9]
        for number in numbers {
            var reader = StorageOptionReader(type: "X", ["t": .number(number)], secrets: .none)
            _ = try? reader.seconds("t")
        }
        for number in [Int.max, .min, -1, 0] {
            var reader = StorageOptionReader(type: "X", ["t": .integer(number)], secrets: .none)
            _ = try? reader.seconds("t")
        }
    }

    /// Lets a storage refuse something in its own words.
    private func refusing(_ act: () async throws -> Void) async throws {
        do { try await act() } catch is StorageError {}
    }

    private func entries(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func printed(_ url: StorageURL) -> String {
        guard let scheme = url.scheme else { return url.path }
        let encoded = { (text: String) in
            text.utf8.map { byte in
                let isPlain = Character(Unicode.Scalar(byte)).isLetter && byte < 0x80 || byte == UInt8(ascii: "/")
                return isPlain ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        let user = url.user.map { encoded($0) + "@" } ?? ""
        // Only a # can stand right behind a host.
        let fragment = url.path.hasPrefix("#") ? "#" : ""
        return
            "\(scheme)://\(user)\(url.authority)\(fragment)\(encoded(String(url.path.dropFirst(fragment.count))))\(url.query.map { "?" + $0 } ?? "")"
    }
}
