import Foundation
import QueuedStorageCore
import TestSupport
import Testing

@Suite struct NameVectorTests {
    @Test(arguments: Vector.all("get_valid_name"))
    func `cleans names as Django does`(_ vector: Vector) async throws {
        let name = try #require(vector.input.name?.string)
        await check(vector) { .string(try StubStorage().validName(name)) }
    }

    @Test(arguments: Vector.all("validate_file_name"))
    func `validates names as Django does`(_ vector: Vector) async throws {
        let name = try #require(vector.input.name?.string)
        let allowsDirectories = vector.input.allow_relative_path == true
        await check(vector) {
            try FileName.validate(name, allowsDirectories: allowsDirectories)
            return .string(name)
        }
    }

    @Test(arguments: Vector.all("generate_filename"))
    func `generates file names as Django does`(_ vector: Vector) async throws {
        let filename = try #require(vector.input.filename?.string)
        await check(vector) { .string(try StubStorage().generateFilename(filename)) }
    }

    @Test(arguments: Vector.all("get_available_name", "is_name_available"))
    func `finds free names as Django does`(_ vector: Vector) async throws {
        let name = try #require(vector.input.name?.string)
        let storage = StubStorage(
            existing: vector.input.existing?.strings ?? [],
            suffixes: vector.input.random_suffixes?.strings ?? []
        )
        let maxLength = vector.input.max_length?.int
        await check(vector) {
            vector.group == "is_name_available"
                ? .bool(try await storage.isNameAvailable(name, maxLength: maxLength))
                : .string(try await storage.availableName(name, maxLength: maxLength))
        }
    }

    @Test(arguments: Vector.all("get_alternative_name"))
    func `makes alternative names as Django does`(_ vector: Vector) async throws {
        let storage = StubStorage(suffixes: vector.input.random_suffixes?.strings ?? [])
        let root = try #require(vector.input.file_root?.string)
        let ext = try #require(vector.input.file_ext?.string)
        await check(vector) { .string(storage.alternativeName(root: root, ext: ext)) }
    }

    @Test func `draws seven letters and digits for a taken name`() {
        let suffixes = (0..<100).map { _ in FileName.randomSuffix() }

        #expect(Set(suffixes).count == 100)
        #expect(
            suffixes.allSatisfy { $0.utf8.count == 7 && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } }
        )
    }

    @Test(arguments: Vector.all("upload_to", "upload_to_callable"))
    func `makes upload paths as Django does`(_ vector: Vector) async throws {
        let filename = try #require(vector.input.filename?.string)
        let path: UploadPath
        if let returned = vector.input.returns?.string {
            path = UploadPath { _ in returned }
        } else {
            path = UploadPath(try #require(vector.input.upload_to?.string))
        }
        let utc = try #require(TimeZone(secondsFromGMT: 0))
        let now = try (vector.input.now?.string).map { try Date($0 + "Z", strategy: .iso8601) } ?? Date()
        await check(vector) { .string(try path.name(for: filename, in: StubStorage(), now: now, timeZone: utc)) }
    }

    @Test(arguments: Vector.all("safe_join"))
    func `joins paths as Django does`(_ vector: Vector) async throws {
        let base = try #require(vector.input.base?.string)
        let paths = try #require(vector.input.paths?.strings)
        await check(vector) { .string(try FileName.join(paths, to: base)) }
    }

    @Test(arguments: Vector.all("path").filter { !$0.isMeaningless })
    func `tells paths as Django does`(_ vector: Vector) async throws {
        let name = try #require(vector.input.name?.string)
        let storage = FileSystemStorage(location: "/base", createsLocation: false)
        await check(vector) { .string(try storage.path(name)) }
    }

    @Test(arguments: Vector.all("url"))
    func `tells addresses as Django does`(_ vector: Vector) async throws {
        // Without a name, the original answers like for an empty one.
        let name = vector.input.name?.string ?? ""
        let baseURL = vector.input.base_url?.string
        await check(vector) {
            let onDisk = try await FileSystemStorage(location: "/base", baseURL: baseURL).url(name)
            let inMemory = try await InMemoryStorage(baseURL: baseURL.map { $0.hasSuffix("/") ? $0 : $0 + "/" }).url(
                name
            )
            #expect(onDisk == inMemory)
            return .string(onDisk)
        }
    }

    @Test(arguments: Vector.all("filepath_to_uri"))
    func `encodes names as Django does`(_ vector: Vector) async throws {
        let path = try #require(vector.input.path?.string)
        await check(vector) { .string(FileName.percentEncoded(path)) }
    }

    @Test(arguments: Vector.all("uploaded_file_name"))
    func `names uploads as Django does`(_ vector: Vector) async throws {
        guard let name = vector.input.name?.string ?? (vector.input.name_pattern?.string).map(Self.expand) else {
            // No name is nil on both sides.
            return #expect(vector.output == .null || vector.output == nil)
        }
        await check(vector) {
            let result = try FileName.uploaded(name)
            guard let shape = vector.output?.object else { return .string(result) }
            let (head, tail) = (shape["head"]?.string ?? "", shape["tail"]?.string ?? "")
            return [
                "length": .number(Double(result.unicodeScalars.count)),
                "head": .string(String(result.prefix(head.count))),
                "tail": .string(String(result.suffix(tail.count))),
            ]
        }
    }

    /// What `'a'*300 + '.txt'` is in Python.
    private static func expand(_ pattern: String) -> String {
        pattern.components(separatedBy: " + ").map { term in
            let parts = term.components(separatedBy: "*").map { $0.trimmingCharacters(in: .whitespaces) }
            let text = parts[0].trimmingCharacters(in: ["'"])
            return String(repeating: text, count: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        }.joined()
    }

    @Test(arguments: Vector.all("sanitize_upload_name"))
    func `sanitizes the names of form parts as Django does`(_ vector: Vector) async throws {
        let name = try #require(vector.input.name?.string)
        await check(vector) { FileName.sanitizedUpload(name).map { .string($0) } ?? .null }
    }

    @Test(arguments: Deviation.all.flatMap(\.ids))
    func `deviates from nothing that isn't observed`(_ id: String) {
        let group = String(id.prefix { $0 != "/" })
        let vectors = Vector.all(group)
        // Another file of vectors may lack the one.
        #expect(vectors.isEmpty || vectors.contains { $0.id == id } || isOtherVectorFile)
    }

    private var isOtherVectorFile: Bool { ProcessInfo.processInfo.environment["QSTORE_VECTORS"] != nil }
}
