extension FileEventSource where Self == AutomaticEventSource {
    /// libinotifytools if the package was built with it (the trait `InotifyTools`, on by default), else inotify.
    public static var automatic: Self { Self() }
}

/// The source that the package was built for.
public struct AutomaticEventSource: FileEventSource {
    private let source: any FileEventSource

    /// The name of the source that it stands for.
    public var name: String { source.name }
    /// Whether that source polls.
    public var polls: Bool { source.polls }

    /// Makes the source.
    public init() {
        #if InotifyTools
        source = .inotifyTools
        #else
        source = .inotify
        #endif
    }

    /// Begins to watch.
    ///
    /// - Parameter deliver: Is called with what happened.
    /// - Returns: The open stream.
    /// - Throws: ``FileEventError``.
    public func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) throws -> any FileEventStream {
        try source.open(deliver)
    }
}
