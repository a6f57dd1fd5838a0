/// Reports nothing: the drop folder is looked through again and again.
///
/// It serves where the kernel doesn't know what happens, on network and FUSE file systems, and where it allows no more
/// watches; a drop folder changes to it by itself.
public struct PollingEventSource: FileEventSource {
    /// The source's name.
    public let name = "polling"
    /// True: events don't arrive.
    public let polls = true

    /// Makes the source.
    public init() {}

    /// Begins to report nothing.
    ///
    /// - Parameter deliver: Is never called.
    /// - Returns: A stream without events.
    public func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) -> any FileEventStream { Stream() }

    private struct Stream: FileEventStream {
        func watch(_ directory: [UInt8]) -> Int32 { -1 }
        func unwatch(_ watch: Int32) {}
        func close() {}
    }
}

extension FileEventSource where Self == PollingEventSource {
    /// Looking again and again.
    public static var polling: Self { Self() }
}
