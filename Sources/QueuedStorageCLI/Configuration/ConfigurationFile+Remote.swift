import QueuedStorageCore

extension ConfigurationFile {
    /// The remote, as an address, or as a kind with its options.
    func remote(in section: Section, _ alias: String, _ origin: Origin) throws -> RemoteDeclaration {
        let secrets = StorageSecrets(alias: alias, environment: environment)
        do {
            if section.isMapping("remote") {
                guard let options = try section.section("remote", keys: nil) else {
                    throw section.origin("remote").failure("has nothing in it")
                }
                guard let type = try options.string("type") else {
                    throw section.origin("remote").failure(
                        "type is missing; it is a kind of storage, such as S3Storage"
                    )
                }
                return try RemoteDeclaration(
                    address: "\(type) of \(alias)",
                    type: type,
                    options: try options.optionValues(except: "type"),
                    secrets: secrets
                )
            }
            guard let address = try section.string("remote") else {
                throw origin.failure("remote is missing; it is a directory, a URL, or a type with its options")
            }
            return try RemoteDeclaration(address, base: base, secrets: secrets)
        } catch let error as StorageURLError {
            throw section.origin("remote").failure("the address \(error.message)")
        } catch let error as StorageError {
            throw section.origin("remote").failure("\(error)")
        }
    }

    /// Two aliases whose secrets have the same environment variables can't be told apart.
    func refuseSharedVariables(_ storages: Section) throws {
        var aliases: [String: String] = [:]
        for alias in storages.keys {
            let prefix = StorageSecrets.prefix(alias)
            if let other = aliases.updateValue(alias, forKey: prefix) {
                throw storages.origin(alias).failure(
                    "the secrets of \"\(alias)\" and of \"\(other)\" would both be \(prefix)…: give one another alias"
                )
            }
        }
    }
}
