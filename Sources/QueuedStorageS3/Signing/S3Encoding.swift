internal import QueuedStorageTransport

/// The forms that names and parameters have in addresses and answers.
///
/// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", `UriEncode`: every byte but
/// the unreserved characters of RFC 3986 is encoded, once, with upper-case digits. S3 doesn't encode paths twice.
package enum S3Encoding {
    /// The query of an address: sorted by name, then by value, as it is signed.
    ///
    /// - Parameter items: Names and values, not encoded; an empty value is written as `name=`.
    /// - Returns: The pairs, encoded and joined by `&`; empty if there are none.
    package static func query(_ items: [(name: String, value: String)]) -> String {
        items.map { ($0.name.percentEncoded(), $0.value.percentEncoded()) }
            .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
            .map { "\($0.0)=\($0.1)" }
            .joined(separator: "&")
    }

    /// Reads a key of a listing with `encoding-type=url`, where a blank is `+`.
    ///
    /// - Parameter text: The encoded key.
    /// - Returns: The key; nil if it isn't UTF-8.
    package static func listedKey(_ text: String) -> String? {
        String(text.map { $0 == "+" ? " " : $0 }).percentDecoded
    }
}
