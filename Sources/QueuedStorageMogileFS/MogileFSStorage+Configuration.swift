public import QueuedStorageCore

extension MogileFSStorage {
    /// What a MogileFS storage is made with, as plain data; what is left out has its default.
    /// ```json
    /// {"trackers": ["10.0.0.1:7001", "10.0.0.2:7001"], "domain": "media", "class": "important"}
    /// ```
    public struct Configuration: Codable, Hashable, Sendable {
        /// The trackers, each as `host:port`; the port is 7001 if it is left out.
        public var trackers: [String]
        /// The domain that the keys are in.
        public var domain: String
        /// The class that says how many replicas a file gets; the domain's own if nil.
        public var fileClass: String?
        /// Whether the tracker compares a file's MD5 when it is stored, for which it reads the file; it does if nil.
        public var verifiesChecksum: Bool?
        /// The longest time that connecting may take, in seconds; 3 if nil.
        public var connectTimeout: Int?
        /// The longest silence of a tracker or a storage node, in seconds; 60 if nil.
        public var timeout: Int?
        /// The longest time that one request may take, in seconds; no limit if nil.
        public var totalTimeout: Int?
        /// How long a tracker that failed is asked last, in seconds; 30 if nil.
        public var retryTrackerAfter: Int?
        /// How many connections there may be at once, to trackers, and to each storage node; 8 if nil.
        public var connections: Int?
        /// The address under which clients reach the files, if they can.
        public var baseURL: String?

        /// Makes a configuration; everything else is set on it.
        ///
        /// - Parameters:
        ///   - trackers: The trackers, each as `host:port`.
        ///   - domain: The domain that the keys are in.
        ///   - fileClass: The class that says how many replicas a file gets.
        public init(trackers: [String], domain: String, fileClass: String? = nil) {
            self.trackers = trackers
            self.domain = domain
            self.fileClass = fileClass
        }

        private enum CodingKeys: String, CodingKey {
            case trackers, domain, verifiesChecksum, connectTimeout, timeout, totalTimeout
            case retryTrackerAfter, connections, baseURL
            case fileClass = "class"
        }
    }
}

extension MogileFSStorage.Configuration {
    /// The trackers' addresses, if all values are in order.
    ///
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    func validated() throws -> [TrackerAddress] {
        guard !trackers.isEmpty else { throw refusal("trackers", "names none") }
        let addresses = try trackers.map { text in
            guard let address = TrackerAddress(text) else {
                let wanted = "must be host:port, with commas between several"
                throw refusal("trackers", "\(wanted), not \(FileName.quoted(text))")
            }
            return address
        }
        guard Set(addresses).count == addresses.count else { throw refusal("trackers", "names one twice") }
        for (name, text) in [("domain", domain), ("class", fileClass ?? "-")] {
            guard !text.isEmpty, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw refusal(name, "is empty or has control characters")
            }
        }
        let numbers: [(String, Int?, ClosedRange<Int>)] = [
            ("connectTimeout", connectTimeout, 1...3600), ("timeout", timeout, 1...86400),
            ("totalTimeout", totalTimeout, 1...86400),
            ("retryTrackerAfter", retryTrackerAfter, 0...86400), ("connections", connections, 1...64),
        ]
        for case (let name, let number?, let range) in numbers where !range.contains(number) {
            throw refusal(name, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
        return addresses
    }

    private func refusal(_ option: String, _ reason: String) -> StorageError {
        StorageError(.invalidConfiguration, "the option \"\(option)\" of MogileFSStorage \(reason)")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage: ConfigurableStorage {
    public static var typeName: String { "MogileFSStorage" }

    public var optionValues: [String: OptionValue] {
        let texts: [String: String?] = [
            "trackers": configuration.trackers.joined(separator: ","), "domain": configuration.domain,
            "class": configuration.fileClass, "baseURL": configuration.baseURL,
        ]
        let numbers = [
            "connectTimeout": configuration.connectTimeout, "timeout": configuration.timeout,
            "totalTimeout": configuration.totalTimeout,
            "retryTrackerAfter": configuration.retryTrackerAfter, "connections": configuration.connections,
        ]
        var values = texts.compactMapValues { $0.map { OptionValue.string($0) } }
        values.merge(numbers.compactMapValues { $0.map { .integer($0) } }) { $1 }
        values["verifiesChecksum"] = configuration.verifiesChecksum.map { .bool($0) }
        return values
    }
}
