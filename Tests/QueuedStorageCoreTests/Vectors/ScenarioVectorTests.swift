import Foundation
import QueuedStorageCore
import TestSupport
import Testing

@Suite struct ScenarioVectorTests {
    init() { umask(0o022) }

    @Test(arguments: Vector.all("storage_scenario").filter { $0.function.hasPrefix("FileSystem") })
    func `behaves in a directory as Django does`(_ vector: Vector) async throws {
        try await withTemporaryDirectory { directory in
            let location = directory + "/location"
            let suffixes = Suffixes(vector.input.random_suffixes?.strings ?? [])
            let options = vector.input.options
            let storage = FileSystemStorage(
                FileSystemStorage.Configuration(
                    location: location,
                    baseURL: options?.base_url?.string ?? "/media/",
                    fileMode: octal(options?.file_permissions_mode) ?? 0o644,
                    directoryMode: octal(options?.directory_permissions_mode),
                    allowOverwrite: options?.allow_overwrite?.bool ?? false
                )
            ) { suffixes.next() }

            await run(vector, on: storage, location: location, scratch: directory)

            if let expected = vector.output?.tree?.object {
                let files = try tree(location).mapValues { JSON.string($0) }
                #expect(files == expected, "\(vector.id)")
            }
        }
    }

    @Test(arguments: Vector.all("storage_scenario").filter { $0.function.hasPrefix("InMemory") })
    func `behaves in memory as Django does`(_ vector: Vector) async throws {
        try await withTemporaryDirectory { directory in
            let suffixes = Suffixes(vector.input.random_suffixes?.strings ?? [])
            let storage = InMemoryStorage(baseURL: "/media/") { suffixes.next() }

            await run(vector, on: storage, location: directory, scratch: directory)

            for (name, content) in vector.output?.tree?.object ?? [:] {
                let bytes = try await storage.open(name).collect()
                #expect(String(decoding: bytes, as: UTF8.self) == content.string, "\(vector.id)")
            }
        }
    }

    @Test(arguments: Vector.all("race"))
    func `gives a file another name when somebody is faster, as Django does`(_ vector: Vector) async throws {
        try await withTemporaryDirectory { directory in
            let suffixes = Suffixes(vector.input.random_suffixes?.strings ?? [])
            let storage = FileSystemStorage(.init(location: directory)) { suffixes.next() }
            let name = try #require(vector.input.name?.string)
            let racer = Data((vector.input.racer_content?.string ?? "").utf8)
            let content = Array((vector.input.content?.string ?? "").utf8)
            // The name was found free when the content is asked for.
            let reader = FileReader(size: nil) {
                let isDone = Shared(false)
                return {
                    if isDone.value { return nil }
                    isDone.value = true
                    try racer.write(to: URL(fileURLWithPath: directory + "/" + name))
                    return content
                }
            }

            let stored = try await storage.save(name, FileContent(.stream(reader)))

            #expect(stored == vector.output?.name?.string)
            let files = try tree(directory).mapValues { JSON.string($0) }
            #expect(files == vector.output?.tree?.object)
        }
    }

    private func run(
        _ vector: Vector,
        on storage: some Storage,
        location: String,
        scratch: String
    ) async {
        let steps = vector.input.steps?.array ?? []
        let expected = vector.output?.steps?.array ?? []
        #expect(steps.count == expected.count)
        for (index, (step, expected)) in zip(steps, expected).enumerated() {
            let promised: StorageError.Code? =
                if case .steps(let steps) = Deviation.of(vector)?.instead { steps[index] } else { nil }
            let comment: Comment = "\(vector.id), step \(index): \(step.op?.string ?? "") \(step.args ?? .null)"
            do {
                let result = try await perform(step, on: storage, location: location, scratch: scratch)
                #expect(promised == nil && expected.error == nil, comment)
                #expect(result["output"] ?? .null == expected["output"] ?? .null, comment)
                if let exists = expected["source_file_still_exists"] {
                    #expect(result["source_file_still_exists"] == exists, comment)
                }
            } catch let error as StorageError {
                let codes = promised.map { [$0] } ?? StorageError.Code.like(expected.error?.string ?? "")
                #expect(codes.contains(error.code), "\(comment): \(error)")
            } catch {
                Issue.record("\(comment): \(error)")
            }
        }
    }

    private func perform(
        _ step: JSON,
        on storage: some Storage,
        location: String,
        scratch: String
    ) async throws -> JSON {
        let args = step.args?.array ?? []
        let name = args.first?.string ?? ""
        let text = args.dropFirst().first?.string ?? ""
        let output: JSON
        switch step.op?.string {
        case "save":
            let maxLength = args.dropFirst(2).first?.max_length?.int
            output = .string(try await storage.save(name, .text(text), maxLength: maxLength))
        case "save_moved":
            let source = scratch + "/source-" + UUID().uuidString
            try Data(text.utf8).write(to: URL(fileURLWithPath: source))
            let stored = try await storage.save(name, .temporaryFile(source))
            return [
                "output": .string(stored),
                "source_file_still_exists": .bool(FileManager.default.fileExists(atPath: source)),
            ]
        case "write":
            let writer = try await storage.openForWriting(name, options: StoreOptions(replaces: true))
            try await writer.write(text.utf8)
            _ = try await writer.close()
            output = .null
        case "read":
            output = .string(String(decoding: try await storage.open(name).collect(), as: UTF8.self))
        case "exists": output = .bool(try await storage.exists(name))
        case "size": output = .number(Double(try await storage.size(name)))
        case "delete":
            try await storage.delete(name)
            output = .null
        case "listdir":
            let listing = try await storage.list(name)
            output = [.array(listing.directories.map { .string($0) }), .array(listing.files.map { .string($0) })]
        case "url": output = .string(try await storage.url(name))
        case "mode":
            let attributes = try FileManager.default.attributesOfItem(atPath: location + "/" + name)
            let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
            output = .string("0o" + String(mode, radix: 8))
        case "get_available_name":
            output = .string(try await storage.availableName(name, maxLength: args.dropFirst().first?.int))
        case let op:
            Issue.record("There is no operation \(op ?? "without a name").")
            output = .null
        }
        return ["output": output]
    }

    private func octal(_ value: JSON?) -> Int? {
        value?.int ?? (value?.string).flatMap { Int($0.replacingOccurrences(of: "0o", with: ""), radix: 8) }
    }
}
