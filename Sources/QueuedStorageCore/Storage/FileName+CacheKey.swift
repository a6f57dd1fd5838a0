extension FileName {
    /// Percent-encodes a name for use in a cache's key: all but ASCII letters and digits and `_ . - /`.
    ///
    /// Source: django-queued-storage 0.8, `QueuedStorage.get_cache_key`.
    package static func cacheKey(_ name: String) -> String {
        let hexadecimalDigits = Array("0123456789ABCDEF".utf8)
        var key: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "/"):
                key.append(byte)
            default:
                key += [UInt8(ascii: "%"), hexadecimalDigits[Int(byte >> 4)], hexadecimalDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: key, as: UTF8.self)
    }
}
