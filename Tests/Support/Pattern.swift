/// Content for checks: bytes that don't repeat in a short period, so that a piece in the wrong place shows.
package func pattern(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        var index = 0
        while index < count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // The lowest bits of such a generator repeat soonest.
            withUnsafeBytes(of: state >> 16) { word in
                let length = min(6, count - index)
                bytes[index..<index + length].copyBytes(from: word.prefix(length))
                index += length
            }
        }
        initialized = count
    }
}
