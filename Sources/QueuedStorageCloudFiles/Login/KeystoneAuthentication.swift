import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// OpenStack's identity service, version 3: a password for a token and a catalog of services.
///
/// Source: OpenStack Identity API v3, "Password authentication with scoped authorization".
struct KeystoneAuthentication: Authentication {
    /// The address of the service, such as `https://identity.example/v3`.
    var url: String
    var user: String
    var userDomain: String
    var project: String?
    var projectDomain: String
    var region: String?
    var interface: CloudFilesStorage.Configuration.Interface
    var password: Secret
    var storageURL: String?
    let transport: Transport

    func login() async throws -> Login {
        let failed = "The user \(FileName.quoted(user)) couldn't log in at \(FileName.quoted(url))"
        let answer = try await transport.send(
            TransportRequest(
                "POST",
                url.withoutSlashesAtEnd + "/auth/tokens",
                headers: ["Content-Type": "application/json", "Accept": "application/json"],
                body: .bytes([UInt8](try JSONEncoder().encode(TokenRequest(self))))
            )
        )
        guard answer.status == 200 || answer.status == 201 else {
            guard !(200..<300).contains(answer.status) else { throw StorageError.noToken(failed, answer) }
            throw await answer.failure(failed, codes: [404: .invalidConfiguration, 405: .invalidConfiguration])
                .without(password)
        }
        guard let token = answer.headers["X-Subject-Token"], !token.isEmpty else {
            throw StorageError.noToken(failed, answer)
        }
        let bytes = try await answer.collect(upTo: 8 << 20)
        guard let body = try? JSONDecoder().decode(TokenAnswer.self, from: Data(bytes)) else {
            throw StorageError.noToken(failed, answer)
        }
        return Login(
            token: Secret(token),
            storageURL: try (storageURL ?? endpoint(in: body.token.catalog ?? [])).withoutSlashesAtEnd
        )
    }

    /// The address of the account in the catalog of services.
    private func endpoint(in catalog: [TokenAnswer.Service]) throws -> String {
        let failed = "The identity service \(FileName.quoted(url)) names no object store"
        let endpoints = catalog.filter { $0.type == "object-store" }.flatMap { $0.endpoints ?? [] }
        guard !endpoints.isEmpty else {
            throw StorageError(
                .invalidConfiguration,
                "\(failed) for the user \(FileName.quoted(user)); set \"project\" to a project that has one"
            )
        }
        let regional = endpoints.filter { region == nil || $0.region == region || $0.regionID == region }
        guard !regional.isEmpty else {
            let known = Set(endpoints.compactMap { $0.region ?? $0.regionID }).sorted().joined(separator: ", ")
            throw StorageError(
                .invalidConfiguration,
                "\(failed) in the region \(FileName.quoted(region ?? "")); regions are \(known)"
            )
        }
        guard let found = regional.first(where: { $0.interface == interface.rawValue }) else {
            throw StorageError(.invalidConfiguration, "\(failed) with the interface \(interface.rawValue)")
        }
        return found.url
    }
}

/// The body of `POST /v3/auth/tokens`.
///
/// `{"auth": {"identity": {"methods": ["password"], "password": {"user": {…}}}, "scope": {"project": {…}}}}`
private struct TokenRequest: Encodable {
    struct Domain: Encodable { var name: String }
    struct User: Encodable {
        var name: String
        var domain: Domain
        var password: String
    }
    struct Password: Encodable { var user: User }
    struct Identity: Encodable {
        var methods = ["password"]
        var password: Password
    }
    struct Project: Encodable {
        var name: String
        var domain: Domain
    }
    struct Scope: Encodable { var project: Project }
    struct Auth: Encodable {
        var identity: Identity
        var scope: Scope?
    }

    var auth: Auth

    init(_ login: KeystoneAuthentication) {
        let user = User(name: login.user, domain: Domain(name: login.userDomain), password: login.password.value)
        auth = Auth(
            identity: Identity(password: Password(user: user)),
            scope: login.project.map { Scope(project: Project(name: $0, domain: Domain(name: login.projectDomain))) }
        )
    }
}

/// The answer to it, as far as it is of use.
///
/// `{"token": {"catalog": [{"type": "object-store", "endpoints": [{"interface": "public", "region": …, "url": …}]}]}}`
private struct TokenAnswer: Decodable {
    struct Endpoint: Decodable {
        var interface: String?
        var region: String?
        var regionID: String?
        var url: String

        enum CodingKeys: String, CodingKey {
            case interface, region, url
            case regionID = "region_id"
        }
    }
    struct Service: Decodable {
        var type: String?
        var endpoints: [Endpoint]?
    }
    struct Token: Decodable { var catalog: [Service]? }

    var token: Token
}
