internal import QueuedStorageCore

/// How a file is opened.
///
/// Source: draft-ietf-secsh-filexfer-02, section 6.3.
struct OpenFlags: OptionSet, Sendable {
    let rawValue: UInt32
    static let read = Self(rawValue: 1)
    static let write = Self(rawValue: 2)
    static let create = Self(rawValue: 8)
    static let exclusive = Self(rawValue: 0x20)
}

/// The requests, one by one.
///
/// Paths are the server's. Those that return a ``Reply`` were sent when they return; the server acts on the requests of a
/// connection in their order.
extension Connection {
    func open(_ path: String, _ flags: OpenFlags, _ attributes: FileAttributes = FileAttributes()) -> Reply {
        var request = Request(PacketType.open)
        request.add(path.utf8)
        request.add(flags.rawValue)
        request.add(attributes)
        return send(request)
    }

    func openDirectory(_ path: String) -> Reply { send(Request(PacketType.opendir, path: path)) }

    func readDirectory(_ handle: Handle) -> Reply { send(Request(PacketType.readdir, handle: handle)) }

    func close(_ handle: Handle) -> Reply { send(Request(PacketType.close, handle: handle)) }

    func status(of handle: Handle) -> Reply { send(Request(PacketType.fstat, handle: handle)) }

    /// Symbolic links are followed.
    func status(_ path: String) -> Reply { send(Request(PacketType.stat, path: path)) }

    /// Symbolic links are not followed.
    func linkStatus(_ path: String) -> Reply { send(Request(PacketType.lstat, path: path)) }

    func set(_ attributes: FileAttributes, of handle: Handle) -> Reply {
        var request = Request(PacketType.fsetstat, handle: handle)
        request.add(attributes)
        return send(request)
    }

    func set(_ attributes: FileAttributes, of path: String) -> Reply {
        var request = Request(PacketType.setstat, path: path)
        request.add(attributes)
        return send(request)
    }

    func makeDirectory(_ path: String, _ attributes: FileAttributes) -> Reply {
        var request = Request(PacketType.mkdir, path: path)
        request.add(attributes)
        return send(request)
    }

    func remove(_ path: String) -> Reply { send(Request(PacketType.remove, path: path)) }

    func removeDirectory(_ path: String) -> Reply { send(Request(PacketType.rmdir, path: path)) }

    /// A name that is taken is an error, by the draft.
    func rename(_ path: String, to newPath: String) -> Reply {
        var request = Request(PacketType.rename, path: path)
        request.add(newPath.utf8)
        return send(request)
    }

    /// Replaces what has the name, in one step.
    ///
    /// Source: OpenSSH 9.2, PROTOCOL, section 4.3.
    func replace(_ newPath: String, by path: String) -> Reply {
        var request = Request(extension: "posix-rename@openssh.com")
        request.add(path.utf8)
        request.add(newPath.utf8)
        return send(request)
    }

    /// Source: OpenSSH 9.2, PROTOCOL, section 4.6.
    func sync(_ handle: Handle) -> Reply {
        var request = Request(extension: "fsync@openssh.com")
        request.add(handle.bytes)
        request.isSlow = true
        return send(request)
    }

    /// Copies a part of one open file to another one, on the server.
    ///
    /// Source: draft-ietf-secsh-filexfer-extensions-00, section 7.
    func copy(_ range: Range<Int64>, of source: Handle, to destination: Handle) -> Reply {
        var request = Request(extension: "copy-data")
        request.add(source.bytes)
        request.add(UInt64(range.lowerBound))
        request.add(UInt64(range.count))
        request.add(destination.bytes)
        request.add(UInt64(range.lowerBound))
        request.isSlow = true
        return send(request)
    }

    /// Source: OpenSSH 9.2, PROTOCOL, section 4.4.
    func space(at path: String) -> Reply {
        var request = Request(extension: "statvfs@openssh.com")
        request.add(path.utf8)
        return send(request)
    }

    func write(
        _ bytes: ArraySlice<UInt8>,
        to handle: Handle,
        at offset: Int64,
        _ reply: @escaping @Sendable (Result<Response, any Error>) -> Void
    ) {
        var request = Request(PacketType.write, handle: handle)
        request.add(UInt64(offset))
        request.add(payload: bytes)
        send(request, reply)
    }

    func read(
        _ byteCount: Int,
        of handle: Handle,
        at offset: Int64,
        _ reply: @escaping @Sendable (Result<Response, any Error>) -> Void
    ) {
        var request = Request(PacketType.read, handle: handle)
        request.add(UInt64(offset))
        request.add(UInt32(byteCount))
        send(request, reply)
    }

    /// Closes a file that nobody needs any more; how that ends is of no interest.
    func forget(_ handle: Handle) { send(Request(PacketType.close, handle: handle)) { _ in } }
}

extension Request {
    fileprivate init(_ type: UInt8, path: String) {
        self.init(type)
        add(path.utf8)
    }

    fileprivate init(_ type: UInt8, handle: Handle) {
        self.init(type)
        add(handle.bytes)
    }
}

extension Response {
    /// Nothing but success.
    func checked() throws {
        guard case .status(let status) = self else { throw MalformedPacket() }
        guard status.isOK else { throw status }
    }

    var handleOrError: Handle {
        get throws {
            if case .handle(let handle) = self { return handle }
            throw failure
        }
    }

    var attributesOrError: FileAttributes {
        get throws {
            if case .attributes(let attributes) = self { return attributes }
            throw failure
        }
    }

    var entriesOrError: [Entry] {
        get throws {
            if case .names(let entries) = self { return entries }
            throw failure
        }
    }

    /// What is wrong with an answer that isn't the wanted one.
    var failure: any Error {
        if case .status(let status) = self, !status.isOK { return status }
        return MalformedPacket()
    }
}

extension Reply {
    /// Waits for success.
    func done() async throws { try await response().checked() }

    /// Waits for success, also in a cancelled task.
    func doneWhateverHappens() async throws { try await responseWhateverHappens().checked() }

    var handle: Handle { get async throws { try await response().handleOrError } }
    var attributes: FileAttributes { get async throws { try await response().attributesOrError } }
    var entries: [Response.Entry] { get async throws { try await response().entriesOrError } }
}
