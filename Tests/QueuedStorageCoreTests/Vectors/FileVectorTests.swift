import Foundation
import QueuedStorageCore
import TestSupport
import Testing

@Suite struct FileVectorTests {
    @Test(arguments: Vector.all("file_chunks"))
    func `cuts content in pieces as Django does`(_ vector: Vector) async throws {
        let size = try #require(vector.input.chunk_size?.int)
        await check(vector) { .array(try await texts(reader(vector).pieces(of: size))) }
    }

    @Test(arguments: Vector.all("file_iterate"))
    func `reads lines as Django does`(_ vector: Vector) async throws {
        let size = try #require(vector.input.chunk_size?.int)
        await check(vector) { .array(try await texts(reader(vector).pieces(of: size).lines)) }
    }

    @Test(arguments: Vector.all("file_multiple_chunks"))
    func `needs several pieces when Django does`(_ vector: Vector) async throws {
        let size = vector.input.chunk_size?.int ?? FileReader.bufferSize
        await check(vector) { .bool(try await texts(reader(vector).pieces(of: size)).count > 1) }
    }

    @Test(arguments: Vector.all("file_default_chunk"))
    func `reads in buffers`(_ vector: Vector) async throws {
        await check(vector) { .number(Double(FileReader.bufferSize)) }
    }

    @Test(arguments: Vector.all("deconstruct"))
    func `is made of a configuration as Django deconstructs one`(_ vector: Vector) async throws {
        let names = [
            "location": "location", "base_url": "baseURL", "file_permissions_mode": "fileMode",
            "directory_permissions_mode": "directoryMode", "allow_overwrite": "allowOverwrite",
        ]
        let order = [
            "location", "base_url", "file_permissions_mode", "directory_permissions_mode", "allow_overwrite",
        ]
        var given = vector.input.kwargs?.object ?? [:]
        for (name, value) in zip(order, vector.input.args?.array ?? []) { given[name] = value }
        var expected = vector.output?[2]?.object ?? [:]
        for (name, value) in zip(order, vector.output?[1]?.array ?? []) { expected[name] = value }

        let configuration = FileSystemStorage.Configuration(
            location: try #require(given["location"]?.string),
            baseURL: given["base_url"]?.string,
            fileMode: given["file_permissions_mode"]?.int ?? 0o644,
            directoryMode: given["directory_permissions_mode"]?.int,
            allowOverwrite: given["allow_overwrite"]?.bool ?? false
        )
        let storage = FileSystemStorage(configuration)
        let encoded = try JSONEncoder().encode(storage.configuration)

        let decoded = try JSONDecoder().decode(JSON.self, from: encoded)
        #expect(decoded.object == Dictionary(uniqueKeysWithValues: expected.map { (names[$0] ?? $0, $1) }))
        let again = try JSONDecoder().decode(FileSystemStorage.Configuration.self, from: encoded)
        #expect(again == configuration)
    }

    @Test(arguments: Vector.all("base_class_abstract", "file_bool", "file_size"))
    func `has nothing of the kind`(_ vector: Vector) {
        #expect(vector.isMeaningless)
    }

    private func reader(_ vector: Vector) throws -> FileReader {
        FileReader(Array(try #require(vector.input.content?.string).utf8))
    }

    private func texts(_ reader: FileReader) async throws -> [JSON] {
        var texts: [JSON] = []
        for try await piece in reader { texts.append(.string(String(decoding: piece, as: UTF8.self))) }
        return texts
    }
}
