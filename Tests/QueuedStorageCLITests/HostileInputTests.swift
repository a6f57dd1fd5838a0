import Foundation
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageCLI

/// What can stand in a configuration file and in the addresses on a command line.
@Suite(.serialized, .timeLimit(.minutes(60))) struct HostileInputTests {
    @Test func `configuration files`() async throws {
        let examples = [
            Template.text, Template.text.replacing("\n#", with: "\n"),
            """
            database: q.sqlite
            storages:
              a: {local: l, remote: {type: S3Storage, bucket: photos, region: r, partSize: 9223372036854775807}, retries: unlimited}
              b: {local: m, remote: "sftp://u@h/d?port=1", rateLimit: 10/m, stallTimeout: 9223372036854775807d, delayed: true}
            dropFolders:
              i: {path: in, storage: a, mode: {after: 10m}, include: ["*.jpg", "**"], minimumFreeBytes: 99999999TiB, batchSize: 0}
            """,
            "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
                + "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\n? *e\n: *e\n? *e\n: x\n",
            "a: &a {b: *a}", "database: [x]", "database: ~\nstorages: {}", "? [a]\n: b", "!!binary x",
            "%YAML 9.9\n---\n...\n---\n",
            String(repeating: "[", count: 20_000), String(repeating: "- ", count: 20_000),
            String(repeating: "{a: ", count: 5000),
            "\u{FEFF}database: x", "database: \"\\uD800\"", "- &a\n- *b", "<<: {<<: {}}\ndatabase: x",
            "database: |\n  x\n\tstorages: 1",
        ]
        let words = [
            "storages:\n", "  remote: ", "dropFolders:\n", "&a ", "*a", "? ", "- ", "{", "}", "type: S3Storage", "|\n",
            "<<: ",
        ]
        try await HostileInput("configurations", examples, words: words, cost: 2).attack { bytes in
            let file = ConfigurationFile(
                name: "q.yaml",
                base: "/base",
                environment: ["QSTORE_A_PASSWORD": "hunter2", "QSTORE_DEFAULT_PASSWORD": "hunter2"]
            )
            do {
                _ = try file.declarations(String(decoding: bytes, as: UTF8.self))
            } catch let failure as CommandFailure {
                let message = failure.message ?? ""
                try hold(message.firstMatch(of: /^q\.yaml:\d+/) != nil, "no line is named: \(message)")
                try hold(!message.contains("hunter2"), "a secret is shown: \(message)")
            }
        }
    }

    @Test func `addresses of all kinds of remotes`() async throws {
        let examples = [
            "s3://photos/x?region=r&partSize=9223372036854775807&endpoint=http://h",
            "sftp://u@h:22/d?connectTimeout=99999999999999999999",
            "ftp://u@h/d?tls=required&connections=-1", "ftps://h", "swift://c/p?auth=http://h&user=u&segmentSize=0",
            "couchdb://u@h:5984/db?timeout=0", "mongodb://u@h:27017/db?prefix=x", "mogilefs://h:7001,g/d?class=c",
            "sqlite:///f?table=x.y",
            "postgres://u@h/db?table=a&chunkSize=-5", "davs://u@h/d?connectTimeout=1e400", "dav://h:1/%2e%2e/x",
            "file:///a/../b",
            "s3://photos?idleTimeout=9223372036854775807&multipartFrom=-9223372036854775808&parallelParts=0",
        ]
        let words = [
            "s3://", "ftp://", "Timeout=", "=9223372036854775807d", "&", "?", "connections=", "chunkSize=", "partSize=",
        ]
        try await HostileInput("addresses", examples, words: words).attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            // What it names is read, and a file of passwords may be anything.
            guard !text.lowercased().contains("file=") else { return }
            let secrets = StorageSecrets(alias: "a", environment: ["QSTORE_A_PASSWORD": "hunter2"])
            do {
                let remote = try RemoteDeclaration(text, base: "/base", secrets: secrets)
                let storage = try remote.make("http://base/")
                try hold(!storage.fingerprint.contains("hunter2"), "a secret is in \(storage.fingerprint)")
                let values = (storage as? any ConfigurableStorage)?.optionValues ?? [:]
                try hold(!"\(values)".contains("hunter2"), "a secret is in the options")
            } catch let error as StorageURLError {
                try hold(!error.message.contains("hunter2"), "a secret is shown: \(error.message)")
            } catch let error as StorageError {
                try hold(!"\(error)".contains("hunter2"), "a secret is shown: \(error)")
            }
            _ = ByteCount.parse(text)
        }
    }
}
