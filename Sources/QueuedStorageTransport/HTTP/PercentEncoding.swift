extension String {
    /// The text with all but letters, digits and `-._~` percent-encoded, byte by byte.
    ///
    /// Source: RFC 3986, 2.3; Amazon's signatures demand the same, with hexadecimal digits in upper case.
    ///
    /// - Parameter keepingSlashes: Whether `/` stays, as in a path.
    /// - Returns: Text of ASCII's letters.
    package func percentEncoded(keepingSlashes: Bool = false) -> String {
        utf8.percentEncoded(keepingSlashes: keepingSlashes)
    }

    /// The text with its percent-encoded bytes decoded; nil if it isn't one of UTF-8 then, or a `%` stands alone.
    package var percentDecoded: String? {
        guard utf8.contains(UInt8(ascii: "%")) else { return self }
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension Sequence<UInt8> {
    /// The bytes with all but letters, digits and `-._~` percent-encoded.
    ///
    /// - Parameter keepingSlashes: Whether `/` stays, as in a path.
    /// - Returns: Text of ASCII's letters.
    package func percentEncoded(keepingSlashes: Bool = false) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in self {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            case UInt8(ascii: "/") where keepingSlashes: result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
